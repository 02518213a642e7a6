"""From a model folder to a service that can answer."""

from __future__ import annotations

from . import bundle as bundles
from . import runtimes
from .bodies import Reader
from .bundle import Bundle
from .feedback import Feedback
from .inference_protocol import Infer
from .metrics import Metrics
from .mlflow_protocol import Invocations
from .model import Model
from .options import Options
from .pages import NAMED, VERSIONED, Pages
from .predict_protocol import Predict
from .service import Endpoint, Service
from .signing import Signer

INFER, INFER_VERSION = f"{NAMED}/infer", f"{VERSIONED}/infer"


def assemble(options: Options) -> Service:
    """Return the service for the model folder of `options`, warmed up.

    Raises EvidenceError or ContractError when the folder does not hold one whole exported model.
    """
    bundle = bundles.load(options.model_dir)
    runtime = runtimes.load(bundle, options.threads)
    metrics = Metrics(bundle, track=options.track)
    model = Model(bundle, runtime, options, metrics)
    signer = _signer(bundle, options)
    feedback = Feedback(bundle.contract, signer, metrics)
    bodies = Reader(limit=options.max_body_bytes, seconds=options.deadline_seconds)
    pages = Pages(bundle, options, metrics, feedback, bodies, lambda: not service.draining).application()
    headers = [
        (b"content-type", b"application/json"),
        (b"x-model-version", bundle.version.encode()),
        (b"x-model-track", options.track.encode()),
    ]
    service = Service(_endpoints(bundle, options, signer), pages, model, metrics, bodies, headers)
    model.warm_up()
    return service


def _signer(bundle: Bundle, options: Options) -> Signer | None:
    if not options.feedback_key:
        return None
    window = options.feedback_window_seconds
    return Signer(options.feedback_key, version=bundle.version, track=options.track, window=window)


def _endpoints(bundle: Bundle, options: Options, signer: Signer | None) -> dict[str, Endpoint]:
    infer = Infer(bundle)
    named = INFER.format(name=bundle.name)
    versioned = INFER_VERSION.format(name=bundle.name, version=bundle.version)
    return {
        "/predict": Endpoint("/predict", Predict(bundle, signer)),
        "/invocations": Endpoint("/invocations", Invocations(bundle.contract, options.max_rows)),
        named: Endpoint(INFER, infer),
        versioned: Endpoint(INFER_VERSION, infer),
    }
