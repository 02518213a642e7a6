"""One function per step of the pipeline; scripts call one each, `scripts/pipeline.py` all in one process."""
