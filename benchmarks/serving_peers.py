"""What the service is measured against: servers that answer with the same model, each in an environment of its own."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

PACKAGE = "customer_churn"
ONNX, SKOPS, MLFLOW, NAIVE, CONSTANT = (
    "this template, ONNX",
    "this template, skops",
    "mlflow models serve",
    "FastAPI, a data frame per request",
    "FastAPI, a constant answer",
)

# What anybody would write first; the peers answer with the very pipeline that training saved.
LOAD = f"""
import pandas, skops.io
from {PACKAGE}.learning.model_types import TRUSTED
pipeline = skops.io.load("artifacts/model/model.skops", trusted=TRUSTED)
def answer(rows):
    frame = pandas.DataFrame(rows)
    for name in frame:
        if frame[name].dtype == bool:
            frame[name] = frame[name].map({{True: "true", False: "false"}})
    return pipeline.predict_proba(frame)[:, 1].tolist()
"""
FILES = {
    "naive.py": LOAD
    + """
from fastapi import FastAPI
from pydantic import BaseModel
class Question(BaseModel):
    rows: list[dict[str, str | bool | float | None]]
app = FastAPI()
@app.post("/predict")
async def predict(question: Question) -> list[float]:
    return answer(question.rows)
""",
    "constant.py": """
from fastapi import FastAPI
from pydantic import BaseModel
class Question(BaseModel):
    rows: list[dict[str, str | bool | float | None]]
class Answer(BaseModel):
    predictions: list[float]
app = FastAPI()
@app.post("/predict")
async def predict(question: Question) -> Answer:
    return Answer(predictions=[0.5])
""",
    "bento.py": LOAD
    + """
import bentoml
@bentoml.service(workers=1)
class Churn:
    @bentoml.api
    def predict(self, rows: list[dict]) -> list[float]:
        return answer(rows)
""",
    "mlserver_model.py": LOAD
    + """
from mlserver import MLModel
from mlserver.codecs import PandasCodec, NumpyCodec
from mlserver.types import InferenceResponse
import numpy
class Churn(MLModel):
    async def load(self) -> bool:
        return True
    async def predict(self, payload):
        rows = PandasCodec.decode_request(payload).to_dict("records")
        output = NumpyCodec.encode_output("scores", numpy.array(answer(rows)))
        return InferenceResponse(model_name=self.name, outputs=[output])
""",
    "model-settings.json": '{"name": "churn", "implementation": "mlserver_model.Churn"}',
}


@dataclass(frozen=True)
class Peer:
    """A server: its own environment, how it is started, and how it is asked."""

    packages: str
    command: Sequence[str]
    path: str = "/predict"
    form: str = "rows"
    variables: Mapping[str, str] = field(default_factory=dict)
    pythons: Sequence[str] = (sys.executable,)


UVICORN = ("uvicorn", "--port", "{port}", "--no-access-log", "--log-level", "warning")
SERVICE = ("python", "-m", f"{PACKAGE}.serving")
PEERS = {
    ONNX: Peer("-r requirements/serve-onnx.txt", SERVICE, variables={"MODEL_DIR": "served/onnx"}),
    SKOPS: Peer("-r requirements/serve-skops.txt", SERVICE, variables={"MODEL_DIR": "served/skops"}),
    CONSTANT: Peer("-r requirements/serve-onnx.txt", (*UVICORN, "constant:app")),
    NAIVE: Peer("-r requirements/serve-skops.txt pandas==3.1.1", (*UVICORN, "naive:app")),
    MLFLOW: Peer(
        "-r requirements/dev.txt",
        ("mlflow", "models", "serve", "-m", "artifacts/model", "--env-manager", "local", "-w", "1", "-p", "{port}"),
        path="/invocations",
        form="dataframe_records",
    ),
    "BentoML": Peer(
        "bentoml==1.4.39 scikit-learn==1.9.1 skops==0.16.0 pandas==3.1.1",
        ("bentoml", "serve", "bento:Churn", "--port", "{port}"),
        variables={"BENTOML_DO_NOT_TRACK": "True"},
    ),
    "MLServer": Peer(
        "mlserver==1.7.1 scikit-learn==1.9.1 skops==0.16.0 pandas<3",
        ("mlserver", "start", "."),
        path="/v2/models/churn/infer",
        form="tensors",
        variables={"MLSERVER_PARALLEL_WORKERS": "0", "MLSERVER_HTTP_PORT": "{port}", "MLSERVER_DEBUG": "false"},
        pythons=("python3.12", "python3.11"),  # it declares less than 3.13
    ),
}
