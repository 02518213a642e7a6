"""Refuse bad answers before the project is written: rendering this file asks the filter below, which raises.

`cookiecutter.json` asks it already before the project's folder is made, because a slug such as `a/b` makes two folders
of which one would stay. A replayed session skips the questions and is stopped here.

<< cookiecutter | accepted >>
"""
