"""Types that a model file may hold beside those that skops trusts by itself: the reviewed allow-list.

MLflow keeps such a list inside the model's own folder, where whoever wrote the model wrote the list too; that
is no boundary, so nothing here reads it. A new estimator may need another entry: read what the type does when
it is restored, then add it in a reviewed change.
"""

from __future__ import annotations

TRUSTED = (
    # SimpleImputer remembers the dtype that it was fitted on.
    "numpy.dtype",
    # Trees restore arrays and run no code, but scikit-learn follows the node numbers without checking them:
    # a forged file can crash the process. The digest in run.json and in the registry is checked before loading.
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    "sklearn.tree._tree.Tree",
)
