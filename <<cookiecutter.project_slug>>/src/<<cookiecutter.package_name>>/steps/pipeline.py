"""All steps in one process, up to the first that says no."""

from __future__ import annotations

from contextlib import suppress

from ..console import checks, metrics, notices, show, told, violations
from ..errors import PipelineError
from ..store import runs, tracking
from .report import build_report
from .validate import validate
from .workspace import Workspace


def pipeline(work: Workspace) -> int:
    """Validate, train, evaluate, gate and register, show the outcome, and return the exit code.

    Returns 0 for a registered model, 1 for refused data or a refused model. The report is built in any case.
    """
    try:
        code = _steps(work)
    except BaseException:
        with suppress(PipelineError):  # it must not hide why the run stopped
            build_report(work)
        raise
    try:
        show([f"report     {build_report(work)}"])
    except PipelineError as error:
        raise PipelineError(
            f"{error}; the run itself ended as shown above, run make report when it is mended"
        ) from error
    return code


def _steps(work: Workspace) -> int:
    tracking.demand_answer(work.config.tracking)  # a model that cannot be recorded is not worth its time
    work.forget_from("data-report.json")  # a run that stops early must not be read with the results of another
    with told("validate") as say:
        report = validate(work)
        say(f"{report.rows:,} rows, {report.checks} checks")
    if not report.valid:
        show(["", "decision   data invalid, nothing was trained", "", *violations(report.document()), ""])
        return 1
    return _model(work)


def _model(work: Workspace) -> int:
    with told("train") as say:
        # Imported here, so that a table is refused at once: what training imports takes longer than reading the table.
        from .evaluate import evaluate  # noqa: PLC0415
        from .gate import demand_gates, gate  # noqa: PLC0415
        from .register import register  # noqa: PLC0415
        from .train import train  # noqa: PLC0415

        demand_gates(work)
        run = train(work).run
        say(f"{run['estimator']} on {run['split']['train_rows']:,} rows")
    with told("evaluate") as say:
        measured = evaluate(work)
        say(f"{measured['holdout']['rows']:,} held-out rows, champion: {measured['champion']['status']}")
    with told("gate") as say:
        decision = gate(work)
        passed = sum(check["passed"] for check in decision["checks"])
        say(f"{passed} of {len(decision['checks'])} checks passed")
    found = ["", *metrics(measured, decision), "", *notices(run, measured)]
    if not decision["promote"]:
        runs.log_decision(work.store, decision)
        show(["", "decision   refused, nothing was registered", *checks(decision), *found])
        return 1
    with told("register") as say:
        version, _ = register(work)
        say(f"{version.name} {version.version}")
    show(["", f"decision   promote: {passed} of {passed} checks passed", *found])
    show([f"version    {version.name} {version.version}, {' and '.join(version.aliases) or 'no alias'}"])
    return 0
