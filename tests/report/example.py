"""Facts of a small incident, written by hand, for the tests of what is made from facts."""

from __future__ import annotations

from typing import Any

from dlqkit.report.facts import SCHEMA

HOSTILE = "<script>alert(1)</script> | [x](javascript:1) \x1b[31m"


def make_facts(**over: Any) -> dict[str, Any]:
    """An infrastructure incident of 12 events that is going on."""
    twelve = {"value": 12, "bound": "exact"}
    values: dict[str, Any] = {
        "schema": SCHEMA,
        "dlqkit": "0.1.0",
        "language": "en",
        "redacted": False,
        "payloads": None,
        "pinned": {"rows": [], "mark": ""},
        "incident": {
            "name": "orders",
            "workflow_id": None,
            "trace_id": None,
            "window": {"start": "2026-03-02T12:00:00+00:00", "end": "2026-03-02T16:00:00+00:00"},
        },
        "snapshot": {
            "id": "001",
            "collected_at": "2026-03-02T16:00:00+00:00",
            "completeness": "complete",
            "findings": [],
        },
        "as_of": "2026-03-02T16:00:00+00:00",
        "workflow": {"id": "wf-1", "name": "orders-sync"},
        "state": {"value": "going_on", "kind": "dead_letters", "reason": "records"},
        "onset": {
            "at": "2026-03-02T14:02:05+00:00",
            "low": "2026-03-02T14:02:00+00:00",
            "high": "2026-03-02T14:02:15+00:00",
            "age_s": 7075.0,
            "is_window_start": False,
            "evidence": "E1",
            "basis": "records",
        },
        "end": {"at": None, "resolution_s": None},
        "last_dead_letter": {"at": "2026-03-02T15:59:00+00:00", "age_s": 60.0},
        "later_dead_letters": None,
        "events": {
            "affected": twelve,
            "held": {"value": 0, "evidence": ""},
            "total": dict(twelve),
            "open": {"value": 9, "bound": "exact"},
            "healed": {"value": 3, "bound": "exact"},
            "evidence": "E1",
        },
        "metrics": {
            "since": "2026-03-02T14:02:00+00:00",
            "until": "2026-03-02T16:00:00+00:00",
            "dead_letters_increase": 12.0,
            "dead_letters_bound": "exact",
            "failures_increase": 60.0,
            "successes_increase": 400.0,
            "evidence": "E2",
        },
        "class": {
            "value": "infrastructure",
            "counts": {"business": 0, "infrastructure": 12, "timeout": 0, "unknown": 0},
            "disputed": 0,
            "overridden": 0,
            "unmatched_overrides": [],
            "rules": [],
            "max_attempts": {"value": 5, "basis": "as set"},
            "timeout_ms": {"value": None, "basis": "durations pile up nowhere"},
        },
        "signatures": [
            {
                "signature_id": "a1",
                "signature": "connection refused by <*>",
                "error_type": "ConnectionError",
                "events": 12,
                "share": 1.0,
                "is_new": True,
                "masks": "<*>",
                "failure_class": "infrastructure",
                "suggested_class": "infrastructure",
                "disputed": False,
                "text_says": "connection refused",
                "counter_evidence": None,
                "names_dependency": True,
                "republish": "after_repair",
                "class_by_fields": "infrastructure",
                "overridden_by": None,
                "override_reason": None,
                "first_at": "2026-03-02T14:02:05+00:00",
                "last_at": "2026-03-02T15:59:00+00:00",
            }
        ],
        "signature_count": 1,
        "causes": [
            {
                "failure_class": "infrastructure",
                "step": "as_class",
                "events": 12,
                "open": 9,
                "left": {"unsent": 9, "planned": 0, "in_doubt": 0, "unseen": 0, "died_again": 0},
                "first_at": "2026-03-02T14:02:05+00:00",
                "last_at": "2026-03-02T15:59:00+00:00",
                "state": "going_on",
                "signatures": [{"signature_id": "a1", "signature": "connection refused by <*>", "events": 12}],
                "signature_count": 1,
                "traces": ["t1", "t2", "t3"],
                "shared": None,
            }
        ],
        "assumptions": [],
        "signals": [
            {
                "workflow_id": "wf-1",
                "workflow_name": "orders-sync",
                "signal": "dead_letters",
                "onset_at": "2026-03-02T14:02:05+00:00",
                "onset_low_at": "2026-03-02T14:02:00+00:00",
                "onset_high_at": "2026-03-02T14:02:15+00:00",
                "end_at": None,
                "resolution_s": None,
                "what": None,
                "baseline": 0.0,
                "size": 12.0,
                "confidence": 0.99,
                "evidence": "records",
            }
        ],
        "changes": {
            "rows": [
                {
                    "at": "2026-03-02T13:55:00+00:00",
                    "kind": "restart",
                    "what": "worker-1 restarted",
                    "brief": None,
                    "before_s": 425.0,
                    "workflow_id": None,
                    "evidence": "E2",
                }
            ],
            "looked_at": "worker restarts were looked at",
        },
        "other_workflows": [],
        "other_incidents": [],
        "republish": {
            "plans": [],
            "passed": [],
            "sent": [],
            "died_again": [],
            "in_doubt": [],
            "planned": [],
            "first_passed_at": None,
            "unsent": [],
            "audit": [],
            "mark": "",
            "problem": "",
        },
        "untold": {"queued_to_dlq": None},
        "advice": [
            {
                "action": "Find what refuses connections, and remove it.",
                "reason": "§4",
                "command": "dlqkit lab orders",
                "wrong": "Republishing now.",
                "unknown": "Whether it is back.",
            }
        ],
        "figures": {
            "signals": [
                {
                    "at": "2026-03-02T14:00:00+00:00",
                    "end_at": "2026-03-02T14:05:00+00:00",
                    "dead_letters_per_min": 2.4,
                    "failures_per_min": None,
                    "successes_per_min": 0.0,
                }
            ],
            "timeline": [
                {
                    "at": "2026-03-02T14:00:00+00:00",
                    "end_at": "2026-03-02T14:10:00+00:00",
                    "dead_letters": 12,
                    "failures": 60,
                    "successes": None,
                    "worker_logs": 0,
                }
            ],
            "durations": [
                {"low_ms": 100.0, "high_ms": 125.893, "dead_letters": 2, "failures": 3, "successes": 0, "cut": False},
                {"low_ms": 30000.0, "high_ms": None, "dead_letters": 10, "failures": 0, "successes": 0, "cut": True},
            ],
            "buckets": [{"low_ms": 10000.0, "high_ms": None, "attempts": 15.0}],
        },
        "timeline": [
            {"at": "2026-03-02T14:02:05+00:00", "what": "The dead-letter rate jumps", "evidence": "E1", "who": None}
        ],
        "coverage": [
            {
                "evidence_id": "E1",
                "kind": "records: dead letters",
                "source": "http://127.0.0.1/execution-logs",
                "query": "queued_to_dlq=true",
                "asked_start": "2026-03-02T12:00:00+00:00",
                "asked_end": "2026-03-02T16:00:00+00:00",
                "got_end": "2026-03-02T15:59:00+00:00",
                "received": 12,
                "completeness": "complete",
                "missing": [],
                "findings": [],
                "quarantined": 0,
                "newest_first": None,
            }
        ],
        "judgement": dict.fromkeys(("severity", "cause", "done", "solution_remaining", "owner", "prevention")),
        "contributing_factors": None,
        "lessons": {},
        "follow_ups": None,
        "said": [],
        "milestones": {"rows": [], "times": []},
        "review": {
            "state": "draft",
            "lacks": ["cause"],
            "is_edited": False,
            "mark": "",
            "asked": None,
            "reviewed": None,
        },
        "closure": {
            "items": [
                {
                    "name": "metrics",
                    "text": "Metrics are back to normal.",
                    "state": "no",
                    "why": "It grew by 3.",
                    "evidence": "E2",
                    "since": "2026-03-02T15:00:00+00:00",
                    "count": 0.0,
                    "newest_at": None,
                    "accepted": None,
                    "lapsed": None,
                },
                {
                    "name": "confirmation",
                    "text": "The client has confirmed.",
                    "state": "person",
                    "why": "Ask.",
                    "evidence": "",
                    "since": None,
                    "count": 0.0,
                    "newest_at": None,
                    "accepted": None,
                    "lapsed": None,
                },
            ],
            "verdict": "not closable",
            "reasons": ["It grew by 3.", "Ask."],
            "since": {"at": "2026-03-02T15:00:00+00:00", "basis": "the fix, by judgement.yaml", "is_fix": True},
            "closed": None,
            "came_back": None,
            "counts": [],
        },
        "durations": None,
        "differences": [],
        "impact": {"counts": [], "differences": [], "evidence": ""},
        "prevention": [],
        "findings": [],
        "reports": {"count": 0, "fates": {}, "rows": []},
        "communication": [],
        "sources": [
            {
                "evidence_id": "001/1",
                "snapshot": "001",
                "kind": "records: dead letters",
                "source": "http://127.0.0.1/execution-logs",
                "query": "queued_to_dlq=true",
                "asked_start": "2026-03-02T12:00:00+00:00",
                "asked_end": "2026-03-02T16:00:00+00:00",
                "page_limit": 100,
                "requests": 1,
                "received": 12,
                "kept": 12,
            }
        ],
        "provenance": {
            "events.affected": {
                "what": "Events that were dead-lettered",
                "parts": [
                    {
                        "frame": "records",
                        "evidence": "001/1",
                        "filter": "workflow_id = 'wf-1' and queued_to_dlq",
                        "rows": 12,
                        "first_at": "2026-03-02T14:02:05+00:00",
                        "last_at": "2026-03-02T15:59:00+00:00",
                        "hash": "0123456789abcdef" * 4,
                    }
                ],
            }
        },
    }
    values.update(over)
    if "total" not in values["events"]:
        # No dead-letter subscription was read.
        values["events"] |= {"held": {"value": 0, "evidence": ""}, "total": dict(values["events"]["affected"])}
    return values
