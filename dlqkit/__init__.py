"""From a dead-letter alert to a post-mortem on the ticket.

The public names, in the order of the runbook: the question and its evidence (§1–3), the analyses (§1, §3, §4), the
republish (§5), prevention and the report (§6), the closure (§7). They are imported when first used, so that
``import dlqkit`` costs nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_WHERE = {
    "DlqkitError": "dlqkit.errors",
    "Incident": "dlqkit.incident",
    "Loaded": "dlqkit.frames",
    "Coverage": "dlqkit.frames",
    "with_labels": "dlqkit.frames",
    "load_settings": "dlqkit.settings",
    "ExecutionLogs": "dlqkit.sources.execution_logs",
    "Prometheus": "dlqkit.sources.prometheus",
    "MetricsPage": "dlqkit.sources.metrics_page",
    "WorkerLogs": "dlqkit.sources.worker_logs",
    "collect": "dlqkit.evidence.collect",
    "open_incident": "dlqkit.evidence.folder",
    "scan_records": "dlqkit.engines.scan",
    "count_records": "dlqkit.executions.scale.counts",
    "count_workflows": "dlqkit.executions.scale.counts",
    "count_outcomes": "dlqkit.executions.scale.counts",
    "count_timeline": "dlqkit.executions.scale.timeline",
    "count_durations": "dlqkit.executions.scale.durations",
    "count_states": "dlqkit.executions.scale.states",
    "load_event": "dlqkit.executions.scale.states",
    "count_signatures": "dlqkit.decision.scale.signatures",
    "count_classes": "dlqkit.decision.scale.classes",
    "count_failures": "dlqkit.decision.scale.failures",
    "find_incidents": "dlqkit.signals.signals",
    "group_alike": "dlqkit.signals.groups",
    "match_reports": "dlqkit.signals.support",
    "timeline": "dlqkit.executions.timeline",
    "duration_histogram": "dlqkit.executions.durations",
    "event_history": "dlqkit.executions.event_history",
    "compare_durations": "dlqkit.executions.comparison",
    "bucket_histogram": "dlqkit.executions.buckets",
    "group_errors": "dlqkit.decision.signatures",
    "classify_error": "dlqkit.decision.classes",
    "classify_failures": "dlqkit.decision.classes",
    "read_error": "dlqkit.decision.errors.error_text",
    "ClassOverride": "dlqkit.decision.overrides",
    "parse_overrides": "dlqkit.decision.overrides",
    "apply_overrides": "dlqkit.decision.overrides",
    "find_unmatched_overrides": "dlqkit.decision.overrides",
    "sign_errors": "dlqkit.decision.signatures",
    "SignatureEdits": "dlqkit.decision.signing.signature_edits",
    "read_signature_edits": "dlqkit.decision.signing.signature_edits",
    "what_differs": "dlqkit.decision.differences",
    "find_changes": "dlqkit.decision.changes",
    "measure_impact": "dlqkit.decision.impact",
    "DeadLetterSubscription": "dlqkit.sources.dead_letter_subscription",
    "match_originals": "dlqkit.executions.originals",
    "Selection": "dlqkit.republish.selection",
    "plan_republish": "dlqkit.republish.planning",
    "plan_incident": "dlqkit.report.planning",
    "run_republish": "dlqkit.republish.run",
    "find_outcomes": "dlqkit.republish.outcomes",
    "prove_republish": "dlqkit.republish.proof",
    "prove_incident": "dlqkit.republish.incident_proof",
    "infer_schema": "dlqkit.prevention.payload_schema",
    "propose_schema": "dlqkit.prevention.payload_proposal",
    "check_payloads": "dlqkit.prevention.payload_check",
    "timeout_effects": "dlqkit.prevention.timeout",
    "limits_in_force": "dlqkit.prevention.timeout",
    "slowest_step": "dlqkit.prevention.slowest_step",
    "advise_prevention": "dlqkit.prevention.advice",
    "facts": "dlqkit.report.facts",
    "run_postmortem": "dlqkit.report.run",
    "write_update": "dlqkit.report.updates",
    "write_judgement": "dlqkit.report.judgement_file",
    "show_event": "dlqkit.report.event_view",
    "pin": "dlqkit.report.pins",
    "unpin": "dlqkit.report.pins",
    "find_history": "dlqkit.report.history",
    "check_closure": "dlqkit.report.closure_check",
    "plot_signals": "dlqkit.plots.signals",
    "plot_timeline": "dlqkit.plots.timeline",
    "plot_durations": "dlqkit.plots.durations",
}

__all__ = ["__version__", *_WHERE]


def __getattr__(name: str) -> Any:
    if name not in _WHERE:
        raise AttributeError(f"module 'dlqkit' has no attribute {name!r}")
    value = getattr(importlib.import_module(_WHERE[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *_WHERE])


if TYPE_CHECKING:
    from dlqkit.decision.changes import find_changes
    from dlqkit.decision.classes import classify_error, classify_failures
    from dlqkit.decision.differences import what_differs
    from dlqkit.decision.errors.error_text import read_error
    from dlqkit.decision.impact import measure_impact
    from dlqkit.decision.overrides import ClassOverride, apply_overrides, find_unmatched_overrides, parse_overrides
    from dlqkit.decision.scale.classes import count_classes
    from dlqkit.decision.scale.failures import count_failures
    from dlqkit.decision.scale.signatures import count_signatures
    from dlqkit.decision.signatures import group_errors, sign_errors
    from dlqkit.decision.signing.signature_edits import SignatureEdits, read_signature_edits
    from dlqkit.engines.scan import scan_records
    from dlqkit.errors import DlqkitError
    from dlqkit.evidence.collect import collect
    from dlqkit.evidence.folder import open_incident
    from dlqkit.executions.buckets import bucket_histogram
    from dlqkit.executions.comparison import compare_durations
    from dlqkit.executions.durations import duration_histogram
    from dlqkit.executions.event_history import event_history
    from dlqkit.executions.originals import match_originals
    from dlqkit.executions.scale.counts import count_outcomes, count_records, count_workflows
    from dlqkit.executions.scale.durations import count_durations
    from dlqkit.executions.scale.states import count_states, load_event
    from dlqkit.executions.scale.timeline import count_timeline
    from dlqkit.executions.timeline import timeline
    from dlqkit.frames import Coverage, Loaded, with_labels
    from dlqkit.incident import Incident
    from dlqkit.plots.durations import plot_durations
    from dlqkit.plots.signals import plot_signals
    from dlqkit.plots.timeline import plot_timeline
    from dlqkit.prevention.advice import advise_prevention
    from dlqkit.prevention.payload_check import check_payloads
    from dlqkit.prevention.payload_proposal import propose_schema
    from dlqkit.prevention.payload_schema import infer_schema
    from dlqkit.prevention.slowest_step import slowest_step
    from dlqkit.prevention.timeout import limits_in_force, timeout_effects
    from dlqkit.report.closure_check import check_closure
    from dlqkit.report.event_view import show_event
    from dlqkit.report.facts import facts
    from dlqkit.report.history import find_history
    from dlqkit.report.judgement_file import write_judgement
    from dlqkit.report.pins import pin, unpin
    from dlqkit.report.planning import plan_incident
    from dlqkit.report.run import run_postmortem
    from dlqkit.report.updates import write_update
    from dlqkit.republish.incident_proof import prove_incident
    from dlqkit.republish.outcomes import find_outcomes
    from dlqkit.republish.planning import plan_republish
    from dlqkit.republish.proof import prove_republish
    from dlqkit.republish.run import run_republish
    from dlqkit.republish.selection import Selection
    from dlqkit.settings import load_settings
    from dlqkit.signals.groups import group_alike
    from dlqkit.signals.signals import find_incidents
    from dlqkit.signals.support import match_reports
    from dlqkit.sources.dead_letter_subscription import DeadLetterSubscription
    from dlqkit.sources.execution_logs import ExecutionLogs
    from dlqkit.sources.metrics_page import MetricsPage
    from dlqkit.sources.prometheus import Prometheus
    from dlqkit.sources.worker_logs import WorkerLogs
