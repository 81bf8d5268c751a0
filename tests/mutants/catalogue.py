"""The mutants: each a mistake that somebody could make, as a change of one passage of one module."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from tests.mutants.budgets import MISTAKES_OF_BUDGETS

SIMULATOR: Final = "simulator"
"""A short run of the simulator; every other killer is a file of tests."""

_PROTOCOL: Final = "tests/unit/ledger/test_protocol.py"
_REFERENCES: Final = "tests/unit/ledger/test_protocol_references.py"
_PUBLISH: Final = "tests/unit/edge/test_publish_entries.py"
_TAKE_CHARGES: Final = "tests/unit/edge/test_take_charges.py"
_PROBLEMS: Final = "tests/unit/edge/test_problems.py"
_KEEP: Final = "tests/unit/edge/test_keep_audit.py"
_ADAPTERS: Final = "tests/unit/edge/test_adapters.py"
_LIMITS: Final = "tests/unit/ledger/test_limits.py"
_THRESHOLDS: Final = "tests/unit/ledger/test_thresholds.py"
_ALLOWANCES: Final = "tests/unit/ledger/test_allowances.py"
_CAPTURES: Final = "tests/unit/ledger/test_captures.py"
_BATCHES: Final = "tests/unit/ledger/test_batches.py"
_PARTS: Final = "tests/unit/ledger/test_parts.py"
_PARENTS: Final = "tests/unit/ledger/test_parents.py"
_POLICIES: Final = "tests/unit/ledger/test_protocol_policies.py"
_ON_DYNAMODB: Final = "tests/contract/test_policies.py"
_ANSWERS: Final = "tests/contract/test_dynamodb_answers.py"
_REGRESSIONS: Final = "tests/unit/ledger/test_regressions.py"
_PROOFS: Final = "tests/integration/test_proofs.py"
_RECONCILE: Final = "tests/integration/test_reconcile.py"
_TAMPERING: Final = "tests/tampering/test_tampering.py"
_LIST_AUDIT: Final = "tests/unit/test_list_audit.py"
_CHECKS: Final = "tests/unit/test_check_credits.py"
_OPERATIONS: Final = "tests/unit/ledger/test_operations.py"
_AMOUNT_TEXTS: Final = "tests/unit/edge/test_amount_texts.py"
_DUE_HOLDS: Final = "tests/unit/ledger/test_due_holds.py"
_REMAINDERS: Final = "tests/unit/ledger/test_remainders.py"
_MONEY: Final = "tests/unit/ledger/test_money.py"
_ADJUSTMENTS: Final = "tests/unit/pricing/test_adjustments.py"
_RECORD_PRICED: Final = "tests/unit/pricing/test_record_priced.py"
_MATCHING: Final = "tests/unit/pricing/test_matching.py"
_GENAI_NAMES: Final = "tests/unit/pricing/test_genai_names.py"
_GENAI: Final = "tests/unit/pricing/test_genai.py"
_ESTIMATES: Final = "tests/unit/pricing/test_estimates.py"
_EVENT_TIME: Final = "tests/unit/ledger/test_event_time.py"
_BOUNDS: Final = "tests/unit/test_event_time.py"
_CARDS: Final = "tests/unit/pricing/test_cards.py"
_BACKGROUND: Final = "tests/unit/test_do_what_is_due.py"
_DUE_ON_DYNAMODB: Final = "tests/contract/test_due.py"


@dataclass(frozen=True, slots=True)
class Mutant:
    """In `module`, `right` becomes `wrong`; what is in `killers` is tried in that order until one notices."""

    name: str
    module: str
    right: str
    wrong: str
    killers: tuple[str, ...]


ENDLESS: Final = frozenset({"an allowance that is always due", "usable at the instant of expiry"})
"""Mutants that are noticed because a trial of them never ends."""

_COMMIT: Final = (
    "        conflict = yield from _commit(change, budget)\n"
    "        written = change.entry_under(operation.key)\n"
    "        if conflict is None:\n"
)


_CONFLICT: Final = (
    "        if in_the_way or moved is not None or beside != _NOTHING_MOVED or policy is not None or is_parent_moved:"
)


def _of(module: str, *changes: tuple[str, str, str], killers: tuple[str, ...] = (SIMULATOR,)) -> Iterator[Mutant]:
    for name, right, wrong in changes:
        yield Mutant(name, module, right, wrong, killers)


MUTANTS: Final[tuple[Mutant, ...]] = (
    *_of(
        "shared.ledger.due",
        (
            "refill before holds that are over return",
            "_refill(state, min(now_ms, over_ms - 1))",
            "_refill(state, now_ms)",
        ),
        ("refills before holds", "over_ms = holds[0].expires_at_ms if", "over_ms = holds[0].expires_at_ms + 1 if"),
        ("let grants lapse before holds that are over return to them", "min(over_ms, refill_ms) - 1", "refill_ms - 1"),
        (
            "let what was given lapse before it rolls over",
            "    if refill_ms == first_ms:",
            "    if refill_ms < first_ms:",
        ),
        ("return holds in the order of their placing", "(hold.expires_at_ms, hold.placed_seq)", "hold.placed_seq"),
        ("return holds in any order", "(hold.expires_at_ms, hold.placed_seq)", "-hold.expires_at_ms"),
        ("do what is due when it is over", "    if first_ms > now_ms:", "    if first_ms >= now_ms:"),
        ("begin a refill with nothing left", "remaining = running.remaining if running else 0", "remaining = 0"),
        (
            "take any grant of the period for its allowance",
            "each.seq == policy.given_seq",
            'each.category == "allowance"',
        ),
        ("leave an expired hold in the way", "return bound_ms is not None and bound_ms <= now_ms", "return False"),
        killers=(_DUE_HOLDS, _ALLOWANCES, SIMULATOR),
    ),
    *_of(
        "shared.ledger.reducer",
        ("return a hold twice", "            open_holds.popleft()\n", "            open_holds.rotate()\n"),
        ("look for holds no more", "next_hold_expiry_ms=due.next_ms)", "next_hold_expiry_ms=None)"),
        ("count no hold that ends", 'return (after.status == "open") - was_open', 'return int(after.status == "open")'),
        (
            "give a hold back in the window in which that is written",
            "held.expires_at_ms if held is not None and happens_when_due else now_ms",
            "now_ms",
        ),
        killers=(_DUE_HOLDS, _LIMITS, SIMULATOR),
    ),
    *_of(
        "shared.usecases.list_audit",
        (
            "call a copy that is on its way altered",
            "    return since is not None and grace.is_over(since)\n",
            "    return since is not None\n",
        ),
        (
            "call a row that was removed late for ever",
            "    return since is not None and grace.is_over(since)\n",
            "    return False\n",
        ),
        (
            "believe the newest row of an audit whatever the state says",
            "    return state.seq > newest.seq or state.head_hash == newest.hash\n",
            "    return True\n",
        ),
        (
            "read the state of an audited account once",
            "        state = ledger.state(account)\n",
            "        pass\n",
        ),
        (
            "verify a row beyond the first gap",
            '    return "pending", missing_seq - 1\n',
            '    return "pending", missing_seq\n',
        ),
        killers=(_LIST_AUDIT,),
    ),
    *_of(
        "shared.usecases.check_credits",
        (
            "check without what its parents have",
            "    return _Payers(state or AccountState(account), references, now_ms)\n",
            "    return _Payers(state or AccountState(account), NOTHING_NAMED, now_ms)\n",
        ),
        (
            "check without a meter",
            "self.correlation_id, self.app, self.meter)\n",
            "self.correlation_id, self.app, None)\n",
        ),
        killers=(_CHECKS,),
    ),
    *_of(
        "shared.ledger.reducer",
        (
            "say who is short before who is frozen",
            "    if effect.reason in FOR_WANT_OF_CREDITS and (frozen := frozen_above(position)) is not None:\n",
            "    if (frozen := None) is not None:\n",
        ),
        killers=(_PARENTS,),
    ),
    *_of(
        "shared.ledger.parents",
        (
            "say that only the nearest parent is frozen",
            "        above = above.references.parent\n    return None\n",
            "        break\n    return None\n",
        ),
        killers=(_PARENTS,),
    ),
    *_of(
        "shared.ledger.counterparts",
        (
            "let nobody further up pay for what outlived a hold",
            'replace(cast("CaptureHold | ReleaseHold | ExtendHold", terms), hold=held) if held else Charge(0)',
            "ReleaseHold(held) if held else Charge(0)",
        ),
        (
            "let a parent settle only what is still held",
            'if settles and held is not None and held.status == "expired":',
            "if False:",
        ),
        killers=(_CAPTURES, _PARENTS),
    ),
    *_of(
        "shared.ledger.kinds",
        (
            "let limits overlook holds",
            'spends=True,\n        counts="itself",\n        companion="hold",',
            'spends=True,\n        companion="hold",',
        ),
        (
            "count a hold and its capture",
            'counts="of_hold",\n        ends_hold=True,\n        is_refundable=True,',
            'counts="of_hold",\n        is_refundable=True,',
        ),
        ("count a refund where it was written", 'counts="of_charge",', 'counts="itself",'),
        ("warn of a refill", "arms_alone=True,", "arms_alone=False,"),
        ("give back what no hold or charge took", "takes_what_is_held=True,", "takes_what_is_held=False,"),
        ("let a parent keep what its member gets back", "counterpart=counterparts.OF_RELEASE,", "counterpart=None,"),
        ("sum up no refunds", 'usage="refunded",', "usage=None,"),
        killers=(
            _LIMITS,
            _PARENTS,
            _THRESHOLDS,
            _CAPTURES,
            "tests/unit/ledger/test_usage.py",
            "tests/unit/ledger/test_giving_back.py",
            SIMULATOR,
        ),
    ),
    *_of(
        "shared.ledger.canonical",
        (
            "spell equal numbers in two ways",
            "        case float() if value.is_integer():\n",
            "        case float() if False:\n",
        ),
        (
            "spell only the outer numbers one way",
            "            return [by_value(member) for member in value]\n",
            "            return value\n",
        ),
        killers=(_OPERATIONS,),
    ),
    *_of(
        "shared.ledger.operations",
        (
            "take another order of limits for other content",
            "    return {**parameters, **sets} if sets else parameters\n",
            "    return parameters\n",
        ),
        killers=(_OPERATIONS,),
    ),
    *_of(
        "shared.edge.amount_texts",
        (
            "spell what the caller gave",
            "    if name in _OF_THE_CALLER:\n",
            "    if False:\n",
        ),
        (
            "ask for texts in any media type",
            "        if media_type.lower() not in _MEDIA_TYPES:\n",
            "        if False:\n",
        ),
        killers=(_AMOUNT_TEXTS,),
    ),
    *_of(
        "shared.ledger.due",
        (
            "believe a listing that trails",
            "newer.get(hold.id, hold) for hold in due.holds",
            "hold for hold in due.holds",
        ),
        killers=(_REFERENCES, SIMULATOR),
    ),
    *_of(
        "shared.ledger.protocol",
        ("more than a transaction can hold", "        if left < 0:\n", "        if False:\n"),
        killers=(_REFERENCES, SIMULATOR),
    ),
    *_of(
        "shared.ledger.effects",
        ("hold without end", "if state.open_holds >= MAX_OPEN_HOLDS:", "if state.open_holds > MAX_OPEN_HOLDS:"),
        killers=(_DUE_HOLDS,),
    ),
    *_of(
        "shared.ledger.effects",
        (
            "return what was held as if it had been held until now",
            'status="expired", seq=state.seq + 1), held.expires_at_ms)',
            'status="expired", seq=state.seq + 1), now_ms)',
        ),
        killers=(_DUE_HOLDS, _LIMITS, SIMULATOR),
    ),
    *_of(
        "shared.ledger.protocol",
        (
            "acknowledge before write",
            _COMMIT,
            ("        return Recorded(change.entry_under(operation.key), replayed=False)\n" + _COMMIT),
        ),
        ("take no answer for a yes", "case Committed():", "case Committed() | Unknown():"),
        ("take busy for a yes", "case Committed():", "case Committed() | Busy():"),
        (
            "skip the refusal row",
            _COMMIT,
            (
                "        if change.entry_under(operation.key).is_refused:\n"
                "            return Recorded(change.entry_under(operation.key), replayed=False)\n" + _COMMIT
            ),
        ),
        (
            "answer with what would have been written",
            "            return _answer_again(operation, entry, written)\n        yield",
            "            return Recorded(written, replayed=True)\n        yield",
        ),
        ("answer with any entry in the way", " if entry.key == key)", ")"),
        ("take any content under a used key", "if not records(entry, operation):", "if False:"),
        ("present a replay as a first answer", "replayed=not is_ours", "replayed=False"),
        ("present a first answer as a replay", "replayed=not is_ours", "replayed=True"),
        (
            "refuse a late replay as invalid",
            "            return (yield from _recorded_earlier(operation, refused, budget))",
            "            raise refused",
        ),
    ),
    *_of(
        "shared.ledger.protocol",
        (
            "ignore ALL_OLD of the entry",
            "return next((entry for entry in conflict.entries if entry.key == key), None)",
            "return None",
        ),
        ("say that nothing was written while in doubt", "if self._throttled and not self.is_in_doubt:", "if True:"),
        (
            "apply again to what was there before the pause",
            ("        yield from budget.pause()\n        state, references = yield from _read(operation, budget)\n"),
            "        yield from budget.pause()\n",
        ),
        ("try for ever", "        if self.remaining_ms > 0:\n            return\n", "        return\n"),
        (
            "forget the doubt when turned away",
            " or (self.is_in_doubt and isinstance(outcome, Busy))",
            "",
        ),
        ("read again while in doubt", "case Busy() if not budget.is_in_doubt:", "case Busy():"),
        ("send a doomed change again", "case Busy() if not budget.is_in_doubt:", "case Busy() if False:"),
        ("stay in the crowd", "if self._tries_lost >= self._tries_max and not self.is_in_doubt:", "if False:"),
        (
            "call an account busy while in doubt",
            "if self._tries_lost >= self._tries_max and not self.is_in_doubt:",
            "if self._tries_lost >= self._tries_max:",
        ),
        (
            "give up a try early",
            "if self._tries_lost >= self._tries_max and",
            "if self._tries_lost >= self._tries_max - 1 and",
        ),
        (
            "call an account busy for want of capacity of the table",
            "(isinstance(outcome, Busy) and not outcome.throttled)",
            "isinstance(outcome, Busy)",
        ),
        (
            "call the ledger unavailable for other writers alone",
            "if self._has_lost and not self._has_failed:",
            "if False:",
        ),
        (
            "call an account busy when the table failed",
            "if self._has_lost and not self._has_failed:",
            "if self._has_lost:",
        ),
        ("forget to count conflicts", "self._has_lost = isinstance(outcome, Conflict) or (", "self._has_lost = ("),
        (
            "count lost tries on after one was won",
            "            self._tries_lost = 0\n        elif",
            "            pass\n        elif",
        ),
        ("forget what was quiet", "    budget.meet(payers(state, references), now_ms)\n", ""),
        ("forget it of a batch", "        budget.meet(standing.payers, now_ms)\n", ""),
        (
            "call every account quiet",
            "self._was_quiet = pauses.was_quiet(changed_at_ms, now_ms)",
            "self._was_quiet = True",
        ),
        (
            "call no account quiet",
            "self._was_quiet = pauses.was_quiet(changed_at_ms, now_ms)",
            "self._was_quiet = False",
        ),
        (
            "ask the member alone whether it was quiet",
            "max((payer.state.updated_at_ms or 0 for payer in payers), default=0)",
            "next(iter(payers)).state.updated_at_ms or 0",
        ),
        (
            "wait for an answer as for a crowd",
            "        if self._has_lost:\n            return pauses.after",
            "        if self._tries_lost:\n            return pauses.after",
        ),
        killers=(_PROTOCOL, _REFERENCES, SIMULATOR),
    ),
    *_of(
        "shared.ledger.pauses",
        ("let a newcomer come back first", "CROWD_PAUSES_MS[min(place,", "CROWD_PAUSES_MS[::-1][min(place,"),
        ("let a large batch try as often", "return TRIES_MAX // 2 if", "return TRIES_MAX if"),
        (
            "count the moment's pause as one in a crowd",
            "place = tries - 2 if was_quiet else tries - 1",
            "place = tries - 1",
        ),
        killers=(_PROTOCOL,),
    ),
    *_of(
        "shared.ledger.reducer",
        ("arrival time for key", "        key=operation.key,\n", '        key=f"{operation.key}@{now_ms}",\n'),
        ("keep the sequence number", "        seq=state.seq + 1,\n", "        seq=max(state.seq, 1),\n"),
        ("chain to nothing", "        prev_hash=state.head_hash,\n", '        prev_hash="0" * 64,\n'),
        ("forget what was spent", "        spent=state.spent + effect.spent,\n", "        spent=state.spent,\n"),
    ),
    *_of(
        "shared.ledger.effects",
        (
            "one microcent too much",
            "if cost > max(context.headroom.amount, 0)",
            "if cost > max(context.headroom.amount, 0) + 1",
        ),
        (
            "the last microcent cannot be spent",
            "if cost > max(context.headroom.amount, 0)",
            "if cost >= max(context.headroom.amount, 0)",
        ),
        ("charge what was refused", 'if terms.if_insufficient == "refuse":', 'if terms.if_insufficient == "never":'),
        (
            "a partial charge takes all",
            'takes, outcome = max(context.headroom.amount, 0), "partial"',
            'outcome = "partial"',
        ),
        ("set the funding whatever it was", "if state.funded != terms.old_amount:", "if False:"),
        ("withdraw what is spent", "if state.spendable + difference < 0 and not terms.force:", "if False:"),
        ("forgive an overdraft", "return max(-state.available, 0)", "return 0"),
    ),
    *_of(
        "shared.ledger.effects",
        (
            "use a hold that is over",
            'held.status == "open" and not held.is_due(context.now_ms)',
            'held.status == "open"',
        ),
        (
            "capture a hold twice",
            'held.status == "open" and not held.is_due(context.now_ms)',
            "not held.is_due(context.now_ms)",
        ),
        ("capture more than is held", '    if terms.overrun == "refuse":', "    if False:"),
        ("keep the rest of a hold", "available=freed - amount - restored.lapsed", "available=-restored.lapsed"),
        ("hold what is not there", "takes = min(terms.amount, spendable)", "takes = terms.amount"),
        ("refund more than was paid", "if not left or amount > left:", "if not left:"),
        (
            "forget what was refunded",
            "refunded = tally.refunded if tally else 0",
            "refunded = 0",
        ),
        killers=(SIMULATOR, "tests/unit/ledger"),
    ),
    *_of(
        "shared.ledger.grants",
        (
            "spend the last lot first",
            "sorted(grants, key=draw_down_rank)",
            "sorted(grants, key=draw_down_rank)[::-1]",
        ),
        ("merge lots that expire apart", "one.priority, one.expires_at_ms,", "one.priority, other.expires_at_ms,"),
        ("spend from every lot at once", "        amount -= taken\n", ""),
    ),
    *_of(
        "shared.ledger.grants",
        ("usable at the instant of expiry", "grant.expires_at_ms <= now_ms", "grant.expires_at_ms < now_ms"),
        killers=(SIMULATOR, "tests/unit/ledger/test_funding.py"),
    ),
    *_of(
        "shared.ledger.records",
        ("a hash that leaves something out", "sha256_hex(record_of(entry))", "sha256_hex(record_of(entry)[:-70])"),
        killers=("tests/unit/ledger/test_record_text.py",),
    ),
    *_of(
        "shared.ledger.records",
        ("write no shortfall into the record", '"shortfall":{entry.shortfall}', '"shortfall":0'),
        (
            "leave the limit that decided out of the record",
            'limit = "" if entry.limit is None else _member("limit", entry.limit)',
            'limit = ""',
        ),
        ("read the carry of a record back as none", 'carry=fields.get("carry")', "carry=None"),
        ("read the reason of a record back as none", 'reason=fields["reason"]', "reason=None"),
    ),
    *_of(
        "shared.ledger.events",
        (
            "send an event without the text that the hash covers",
            '{**public_entry(entry), "record": record_of(entry)}',
            "public_entry(entry)",
        ),
        (
            "give the events of an account one id",
            '    return _event_id(account, f"entry/{seq}")\n',
            '    return _event_id(account, "entry")\n',
        ),
        killers=(SIMULATOR, "tests/unit/ledger/test_events.py"),
    ),
    *_of(
        "shared.ledger.events",
        (
            "give events of two accounts one id where a slash divides them elsewhere",
            'separator = "#" if "/" in account.tenant + account.actor else "/"',
            'separator = "/"',
        ),
        killers=("tests/unit/ledger/test_ids.py",),
    ),
    *_of(
        "shared.ledger.ids",
        ("take an id with a separator of the ledger's keys", r'r"[!$-\[\]-}]"', r'r"[!$-\[\]-~]"'),
        ("take an id that only begins as one", "_ID.fullmatch(value)", "_ID.match(value)"),
        killers=("tests/unit/ledger/test_ids.py",),
    ),
    *_of(
        "shared.ledger.operations",
        ("take another app for the same request", '"app": self.app,', '"app": None,'),
        ("take another amount for the same request", '"parameters": _content_of(parameters),', '"parameters": {},'),
        killers=(SIMULATOR, _OPERATIONS),
    ),
    *_of(
        "shared.usecases.publish_entries",
        ("skip FailedEntryCount", "waiting = [waiting[index] for index in published.failed]", "waiting = []"),
        (
            "report no failed record",
            "failed=tuple(records[position].sequence_number for position in dict.fromkeys(failed))",
            "failed=()",
        ),
        (
            "drop what cannot be published",
            "        failure_queue.send(records[each.position].raw, each.why)\n",
            "        pass\n",
        ),
        ("publish an altered record", "if not is_as_recorded:", "if False:"),
        killers=(SIMULATOR, _PUBLISH),
    ),
    *_of(
        "shared.usecases.publish_entries",
        ("set aside what comes again", "and each.position < settled", ""),
        killers=(_PUBLISH,),
    ),
    *_of(
        "shared.usecases.keep_audit",
        ("acknowledge what cannot be read", '{"differs", "malformed"}', '{"differs"}'),
        killers=(SIMULATOR, _KEEP),
    ),
    *_of(
        "shared.ledger.usage_days",
        ("count an entry of a day again", "if each.seq <= day.through:", "if False:"),
        ("count an entry on another day", "if slot.day != day.day:", "if False:"),
        ("claim less than was counted", "max(day.counted, claim)", "claim"),
        ("put every name into its day", "elif _size_bytes(slot) <= room:", "elif True:"),
        killers=("tests/unit/ledger/test_usage_days.py",),
    ),
    *_of(
        "shared.adapters.dynamodb_usage",
        ("claim before everything is counted", "tally, tally.after) for day", "tally, tally.through) for day"),
        ("replace a day that has moved", "day.is_new else is_as_it_was", "day.is_new else self._items.pk.exists()"),
        ("add to a sum beside a day again", "for each in lines if each.seq > seen]", "for each in lines]"),
        ("let an older release count on", "items.seq.set(CLOSED)", "items.seq.set(begun.through)"),
        killers=("tests/contract/test_usage_days.py", "tests/contract/test_usage_answers.py"),
    ),
    *_of(
        "shared.adapters.stored_records",
        ("read a record that ends early or goes on", "if not inflater.eof or inflater.unused_data:", "if False:"),
        ("unpack without end", "decompress(record[1:], _TEXT_BYTES_MAX)", "decompress(record[1:])"),
        ("guess a dictionary", "DICTIONARIES.get(record[0])", "DICTIONARIES.get(record[0], _DICTIONARY_1)"),
        killers=("tests/contract/test_stored_records.py",),
    ),
    *_of(
        "shared.usecases.keep_audit",
        ("acknowledge a row that differs", '{"differs", "malformed"}', '{"malformed"}'),
        ("audit an altered entry", "if is_as_recorded and is_its_event else", "if is_its_event else"),
        ("audit under another event's name", "if is_as_recorded and is_its_event else", "if is_as_recorded else"),
        killers=(_KEEP,),
    ),
    *_of(
        "shared.usecases.do_what_is_due",
        (
            "let one account keep the others from being done",
            "except Exception as failure:",
            "except ZeroDivisionError as failure:",
        ),
        ("go to who is called anyway", "plan.now_ms() - plan.grace_ms", "plan.now_ms()"),
        ("go on after an account that was not begun", "            is_whole = False\n", "            pass\n"),
        ("begin no account without time", "if not must_begin and plan.is_time_up():", "if plan.is_time_up():"),
        ("do accounts one after the other", "ThreadPoolExecutor(ACCOUNTS_AT_ONCE)", "ThreadPoolExecutor(1)"),
        ("forget the accounts of the next page", "            run.next = page.next\n", "            run.next = None\n"),
        ("call the failure of a moment a backlog", "now_ms - behind.since_ms > BEHIND_MS", "now_ms > behind.since_ms"),
        killers=(_BACKGROUND,),
    ),
    *_of(
        "shared.adapters.dynamodb_due",
        ("list who is not behind", "            filter_condition=self._holds.open_until <= before_ms,\n", ""),
        ("take any hold for the first", "since_ms = min(", "since_ms = max("),
        (
            "list the same account again",
            "yield AccountBehind(account, since_ms, _cursor(holds[-1]))",
            "yield AccountBehind(account, since_ms, _cursor(holds[0]))",
        ),
        killers=(_DUE_ON_DYNAMODB,),
    ),
    *_of(
        "shared.adapters.dynamodb_ledger",
        (
            "count the holds of a page alone",
            "len(holds) if last is None else self._table.holds.open_holds.count(account_pk(account))",
            "len(holds)",
        ),
        (
            "see no more than the first page of holds",
            "while last is not None and holds[-1].is_due(now_ms):",
            "while False:",
        ),
        killers=(_DUE_ON_DYNAMODB,),
    ),
    *_of(
        "shared.adapters.dynamodb_ledger",
        ("drop the condition on the key", "condition=key_is_free, ", ""),
        ("drop the condition on the state", "condition=unmoved, ", ""),
        ("do not ask for what stood in the way", 'ALL_OLD: Final = "ALL_OLD"', 'ALL_OLD: Final = "NONE"'),
        (
            "reasons by call order",
            'items = {item["sk"]["S"]: item for item in found if item["pk"]["S"] == own}',
            'items = {("OP#" if place == 0 else STATE_SK): item for place, item in enumerate(found)}',
        ),
        ("read without consistency", "sk, consistent_read=True", "sk, consistent_read=False"),
        ("start again where the state is gone", "if not codes or _CONDITION_FAILED in codes:", "if not codes:"),
        killers=(_ANSWERS,),
    ),
    *_of(
        "shared.adapters.dynamodb_answers",
        (
            "take a lost answer for a clean no",
            "    if is_lost(cause):\n        return Unknown(failure)\n",
            "    if is_lost(cause):\n        return Busy(throttled=True)\n",
        ),
        ("take a server's error for a clean no", "is_failed(error) or ", ""),
        killers=(_ANSWERS,),
    ),
    *_of(
        "shared.adapters.repeatable",
        ("an audit row that can be replaced", 'item.save(condition=Path("pk").does_not_exist())', "item.save()"),
        killers=("tests/contract/test_audit_trail.py",),
    ),
    *_of(
        "shared.adapters.eventbridge",
        ("believe that the bus took all", 'dict(_failures(answer["Entries"]))', "dict[int, str]()"),
        killers=(_ADAPTERS,),
    ),
    *_of(
        "tests.simulation.table",
        ("a table without the condition on the key", "        if in_the_way or moved is", "        if moved is"),
        (
            "a table without the condition on the state",
            _CONFLICT,
            "        if in_the_way:",
        ),
        (
            "ADD for SET",
            _CONFLICT,
            (
                "        if state is not None and moved is not None and not in_the_way:\n"
                "            by = change.state.available - change.seen.available\n"
                "            summed = replace(change.state, available=state.available + by)\n"
                "            self._write(account, replace(change, state=summed))\n"
                "            return Committed()\n"
                "        if in_the_way:"
            ),
        ),
        (
            "entries and state apart",
            "        self.states[account] = change.state if",
            "        self.states[account] = self.states.get(account) or change.state if",
        ),
    ),
    *_of(
        "shared.ledger.policies",
        (
            "a window that never begins again",
            "return replace(self, used=0, counted_from_seq=seq, resets_at_ms=end_ms, moved_ms=0)",
            "return replace(self, resets_at_ms=end_ms, moved_ms=0)",
        ),
        ("give back in another window", " and spending.seq >= limit.counted_from_seq", ""),
        ("arm a threshold with any credit", "(each.is_armed or arms)", "True"),
        ("warn of every entry", "(each.is_armed or warns)", "True"),
        ("top up in silence", "(each.is_armed or warns)", "each.is_armed"),
        ("give a window twice further west", "self.resets_at_ms, self.moved_ms)", "self.resets_at_ms, 0)"),
        (
            "give a period twice further west",
            "_PERIOD[self.interval], self.moved_ms",
            "_PERIOD[self.interval], 0",
        ),
        (
            "never lower a period",
            "refill = self.amount + self._rolled_over(remaining) - remaining",
            "refill = max(self.amount + self._rolled_over(remaining) - remaining, 0)",
        ),
        ("refill twice", "total + refill, owed", "total + 2 * refill, owed"),
        ("roll everything over", "min(remaining, self.rollover_maximum) if", "remaining if"),
        killers=(SIMULATOR, _LIMITS, _THRESHOLDS, _ALLOWANCES),
    ),
    *_of(
        "shared.ledger.reducer",
        ("warn of what is only held", "        after.available + after.held, arms", "        after.available, arms"),
        ("ask the calendar again", "references, entry.window_ends or {})", "references, {})"),
        killers=(_THRESHOLDS, _LIMITS),
    ),
    *_of(
        "shared.ledger.calendar",
        ("zones of the machine", "    if name not in zone_names():\n", "    if False:\n"),
        ("take the zone of nobody", "- _NO_ZONES", ""),
        killers=("tests/unit/ledger/test_calendar.py",),
    ),
    *_of(
        "shared.ledger.grants",
        ("let a grant join the allowance that it looks like", " and apart not in {other.seq, grant.seq}", ""),
        killers=(_ALLOWANCES,),
    ),
    *_of(
        "shared.ledger.effects",
        (
            "let the excess of a capture pass a limit",
            "most = max(context.headroom.amount, held.remaining)",
            "most = max(state.spendable, 0) + held.remaining",
        ),
        (
            "settle work twice",
            "_has_expired(context):\n        return",
            'context.references.hold and context.references.hold.status != "open":\n        return',
        ),
        ("take what is not there in part", "    return min(wanted, most)\n", "    return wanted\n"),
        (
            "record that there is no room",
            "        if made is None:\n            raise",
            '        if made is None:\n            return _refused("hold_not_found")\n            raise',
        ),
        killers=("tests/unit/ledger/test_captures.py", "tests/unit/ledger/test_funding.py"),
    ),
    *_of(
        "shared.ledger.effects",
        ("return the rest with a part", "_nothing_back(state) if terms.is_part else ", ""),
        ("end a hold with a part", 'held.status if terms.is_part else "captured"', '"captured"'),
        ("forget the parts before", "captured=held.captured + amount, status", "captured=amount, status"),
        (
            "draw each part from the first grants",
            "paid, _ = split(held.left[0], amount)",
            "paid, _ = split(held.drawn, amount)",
        ),
        ("capture the whole hold after parts", "asked = held.remaining if", "asked = held.amount if"),
        ("settle parts twice", "asked = held.uncaptured if", "asked = held.amount if"),
        (
            "take the excess of a part from the hold",
            "max(amount - held.remaining, 0))\n    freed",
            "max(amount - held.amount, 0))\n    freed",
        ),
        (
            "grant a part what others have taken of the hold",
            "most = max(context.headroom.amount, held.remaining)",
            "most = max(context.headroom.amount, held.amount)",
        ),
        (
            "take of a hold by parts more than it has left",
            "amount = wanted if wanted <= held.remaining else",
            "amount = wanted if wanted <= held.amount else",
        ),
        (
            "return with a hold what its parts have taken",
            "_restore(state, *resolved.left, now_ms)",
            "_restore(state, resolved.drawn, 0, now_ms)",
        ),
        (
            "let limits forget a whole hold with its first part",
            "Spending(after.remaining - before.remaining, ",
            "Spending(-before.remaining, ",
        ),
        killers=(_PARTS,),
    ),
    *_of(
        "shared.ledger.holds",
        ("hold on after the end", 'return self.uncaptured if self.status == "open" else 0', "return self.uncaptured"),
        (
            "owe what a part took beyond its hold",
            "return max(self.amount - self.captured, 0)",
            "return self.amount - self.captured",
        ),
        killers=(_PARTS,),
    ),
    *_of(
        "shared.ledger.reducer",
        ("write a policy that is as it was", "return policy if counted == policy else counted", "return counted"),
        (
            "look for holds that have ended",
            'if changed is None or changed.status != "open":',
            "if changed is None:",
        ),
        killers=(_PARTS,),
    ),
    *_of(
        "shared.ledger.counterparts",
        ("end the parent's hold with a part", "        final=terms.final,\n", ""),
        killers=(_PARTS, "tests/unit/ledger/test_properties_of_families.py"),
    ),
    *_of(
        "shared.ledger.headroom",
        (
            "let a limit count a hold and its capture",
            "held.remaining if held is not None and _has_counted(limit, held) else 0",
            "0",
        ),
        ("let a limit give back what it never counted", "held.placed_seq >= limit.counted_from_seq and ", ""),
        ("let a limit of a model give back a hold of none", " and limit.covers(held.through)", ""),
        killers=("tests/unit/ledger/test_captures.py", _LIMITS),
    ),
    *_of(
        "shared.ledger.models",
        (
            "let every spelling be a model",
            '(rate_card and _priced_as(rate_card, usage.get("meter"))) or named',
            "named",
        ),
        (
            "take the provider for a part of the model",
            "return parts[-1] if len(parts) == _IN_PARTS else None",
            'return rate_card.split("/", 1)[-1] if len(parts) == _IN_PARTS else None',
        ),
        (
            "take a pattern for a model",
            " and _OF_A_PATTERN.isdisjoint(model)",
            "",
        ),
        killers=("tests/unit/ledger/test_models.py",),
    ),
    *_of(
        "shared.ledger.rolling",
        (
            "let an amount leave a rolling window with the first of its part",
            "Part(cell[-1].at_ms, cell[0].seq,",
            "Part(cell[0].at_ms, cell[0].seq,",
        ),
        ("let a part leave a moment late", "part.at_ms > now_ms - length_ms)", "part.at_ms >= now_ms - length_ms)"),
        (
            "never let the first part leave",
            "    if parts[0].at_ms > now_ms - length_ms:",
            "    if parts[-1].at_ms > 0:",
        ),
        ("keep every part", "added if len(added) <= MAX_PARTS else", "added if added else"),
        ("forget what a clock that is behind has counted", "last._replace(amount=last.amount + more.amount)", "last"),
        (
            "bring a window back with a clock that is behind",
            "now_ms = max(at_ms, parts[-1].at_ms)",
            "now_ms = at_ms",
        ),
        ("give back to the first part", "if part.seq <= seq), default=None)", "if place == 0), default=None)"),
        ("give back twice what is left", "part.amount - amount),)", "part.amount - 2 * amount),)"),
        killers=("tests/unit/ledger/test_rolling.py", _LIMITS),
    ),
    *_of(
        "shared.ledger.policies",
        ("let a limit of a model hold for all", " and self.model in {None, model}", ""),
        (
            "take limits of two models for one",
            "return self.window, self.app, self.meter, self.model",
            "return self.window, self.app, self.meter",
        ),
        (
            "give back what has left a rolling window",
            "counted_from_seq=parts[0].seq if parts else seq",
            "counted_from_seq=self.counted_from_seq",
        ),
        (
            "say that a rolling window resets when its last part leaves",
            "parts[0].at_ms + length_ms if parts",
            "parts[-1].at_ms + length_ms if parts",
        ),
        killers=(_LIMITS,),
    ),
    *_of(
        "shared.ledger.reducer",
        (
            "count a capture for its own model rather than its hold's",
            "return held if held.model else held._replace(model=operation.model)",
            "return held._replace(model=operation.model or held.model)",
        ),
        (
            "count no model of a hold that named none",
            "return held if held.model else held._replace(model=operation.model)",
            "return held",
        ),
        ("leave the model off the record", "        model=operation.model,\n    )", "        model=None,\n    )"),
        killers=(_LIMITS,),
    ),
    *_of(
        "shared.ledger.effects",
        (
            "give back to no model what a capture counted for its own",
            'model = named.get("model") or charge_entry.model',
            'model = named.get("model")',
        ),
        ("place a hold of no model", "            model=context.through.model,\n", ""),
        killers=(_LIMITS,),
    ),
    *_of(
        "shared.ledger.parents",
        ("spend of no model at the parent", "        model=operation.model,\n    )", "    )"),
        killers=(_LIMITS,),
    ),
    *_of(
        "shared.ledger.usage",
        (
            "expect sums by model of an older release",
            'if slot.grouping == "model" and seq <=',
            "if False and seq <=",
        ),
        killers=("tests/unit/ledger/test_usage.py",),
    ),
    *_of(
        "shared.ledger.grants",
        (
            "merge into the grant that expires sooner",
            "replace(later, amount=later.amount",
            "replace(sooner, amount=later.amount",
        ),
        ("merge the grants that are furthest apart", "sooner, later = min(pairs", "sooner, later = max(pairs"),
        killers=("tests/unit/ledger/test_funding.py",),
    ),
    *_of(
        "shared.ledger.accounts",
        ("spend from a frozen account", 'self.policy.status == "frozen"', 'self.policy.status == "closed"'),
        killers=(SIMULATOR, _LIMITS, _PARENTS),
    ),
    *_of(
        "shared.ledger.effects",
        ("an allowance that is always due", "next_at_ms=terms.expires_at_ms, moved_ms=0)", "next_at_ms=0, moved_ms=0)"),
        ("let a parent end a member's hold", "if held is None or held.member != context.member:", "if held is None:"),
        killers=(SIMULATOR, _LIMITS, _PARENTS),
    ),
    *_of(
        "shared.ledger.reducer",
        ("leave the parent out of the transaction", "effect.tally, counterpart)", "effect.tally)"),
        ("take the parent's word for nothing", "if references.approval is not None:", "if False:"),
        ("begin an allowance some day", "    if KINDS[operation.kind].begins_allowance:", "    if False:"),
        killers=(SIMULATOR, _PARENTS),
    ),
    *_of(
        "shared.ledger.protocol",
        (
            "apply a batch again to what was there before the pause",
            (
                "                yield from budget.pause()\n"
                "                standing = yield from _read_batch(pending, now_ms, budget)\n"
            ),
            "                yield from budget.pause()\n",
        ),
        (
            "begin a group of a batch without time",
            "            elif pending:\n                budget.raise_when_out_of_time()\n",
            "",
        ),
        (
            "read for all lines what the first of a hold needs",
            'getattr(terms, "if_expired", None) is not None',
            "False",
        ),
        (
            "call it done when another writer was first",
            "        written += yield from _catch_up(Position(state, references), correlation_id, now_ms, budget)\n",
            (
                "        done = yield from _catch_up(Position(state, references), correlation_id, now_ms, budget)\n"
                "        if not done:\n            return written\n        written += done\n"
            ),
        ),
        killers=(_POLICIES, _REFERENCES, _BATCHES, SIMULATOR),
    ),
    *_of(
        "shared.ledger.parents",
        ("believe what two reads say", "if state is not None and not state.has_its_policy:", "if False:"),
        ("read a hold for every line that names it", "        if name not in named:\n", "        if True:\n"),
        ("read an account for every line", "read_state_once = cache(read_state)", "read_state_once = read_state"),
        killers=(_POLICIES, _BATCHES, SIMULATOR),
    ),
    *_of(
        "shared.ledger.batches",
        ("give each line what the first one found", "        standing.take(change)\n        group", "        group"),
        ("write more than a transaction takes", "        if items_of(joined) > MAX_ITEMS:\n", "        if False:\n"),
        ("let a transaction have two parents", "        if not _is_one_path(path, above):\n", "        if False:\n"),
        (
            "count the items of the member alone",
            "sum(_own_items_of(part) for part in change.parts)",
            "_own_items_of(change)",
        ),
        ("forget the policy among the items", " + has_tally + replaces_policy", " + has_tally"),
        ("forget what begins an account among the items", " + begins + has_tally", " + has_tally"),
        (
            "put a hold under a version that the batch itself made",
            "seen_seq=seen_seqs.get(name, each.seen_seq)",
            "seen_seq=each.seen_seq",
        ),
        (
            "forget the parent with a line that it refused",
            "before.parent if after.parent is None else after.parent",
            "after.parent",
        ),
        ("apply what is due with every line", "            self._due.pop(account, None)\n", ""),
        (
            "take for each line the hold as it was read",
            "            hold = self._holds[account, hold.id]\n",
            "            pass\n",
        ),
        killers=(_BATCHES,),
    ),
    *_of(
        "shared.edge.charges",
        ("end a hold with a line", "if_expired=if_expired, final=False)", "if_expired=if_expired)"),
        ("take what does not go with a hold", "    if given_ones:\n", "    if False:\n"),
        killers=("tests/integration/test_batches.py",),
    ),
    *_of(
        "shared.usecases.record_batch",
        ("record what comes after what was turned away", "        if passing is not None:\n", "        if False:\n"),
        killers=(_TAKE_CHARGES,),
    ),
    *_of(
        "shared.edge.problems",
        ("send a crowd away together", "return secrets.choice(BUSY_RETRY_AFTER_S)", "return RETRY_AFTER_S"),
        killers=(_PROBLEMS,),
    ),
    *_of(
        "shared.ledger.events",
        ("warn nobody", "for threshold in entry.alerts)", "for threshold in ())"),
        killers=(SIMULATOR,),
    ),
    *_of(
        "shared.usecases.keep_audit",
        ("audit a warning", "if detail_type in _OF_NO_ROW:", "if False:"),
        killers=(_KEEP,),
    ),
    *_of(
        "shared.adapters.dynamodb_ledger",
        (
            "take a parent's items for the member's",
            'for item in found if item["pk"]["S"] == own}',
            "for item in found}",
        ),
        (
            "write the parent without its conditions",
            "condition=unmoved, return_values=ALL_OLD)",
            "condition=unmoved if part is change else None, return_values=ALL_OLD)",
        ),
        ("forget to write the policy", "if policy is not None and policy is not change.seen.policy:", "if False:"),
        killers=(_ON_DYNAMODB,),
    ),
    *_of(
        "shared.ledger.remainders",
        (
            "let what is below a microcent vanish",
            "return Settled(amount + more, left - _HALF)",
            "return Settled(amount, 0)",
        ),
        ("round what is carried down", "divmod(remainder + carry + _HALF, ", "divmod(remainder + carry, "),
        killers=(_REMAINDERS, SIMULATOR),
    ),
    *_of(
        "shared.ledger.remainders",
        ("round a second time", "return Rounded(amount, min(quanta, _HALF - 1))", "return Rounded(amount, quanta)"),
        (
            "round half down",
            "amount = (microcents + _ONE_HALF).__floor__()",
            "amount = (microcents - _ONE_HALF).__ceil__()",
        ),
        killers=(_MONEY,),
    ),
    *_of(
        "shared.pricing.adjustments",
        (
            "take the standard price for that of a tier",
            "return None if share is None else Applied(terms, share)",
            "return Applied(terms, share or _ONE)",
        ),
        ("take the least specific adjustment", "best = max(", "best = min("),
        (
            "let an adjustment that ended apply",
            "            self.active\n            and self.meter",
            "            self.meter",
        ),
        ("forget the minimum of an adjustment", "if missing > 0 else adjusted", "if False else adjusted"),
        (
            "halve the price of searches in a batch",
            'tokens = [each for each in items if each.item.endswith("_tokens")]',
            "tokens = list(items)",
        ),
        (
            "take half of what the adjustment of a tier says",
            "service_tier is not None:\n        return Applied(terms)",
            "service_tier is not None:\n        return Applied(terms, _list_share(identity, tier) or _ONE)",
        ),
        killers=(_ADJUSTMENTS,),
    ),
    *_of(
        "shared.usecases.record_priced",
        (
            "capture a hold without its adjustment",
            "return price_by(card, usage, adjustment)",
            "return price_by(card, usage)",
        ),
        (
            "price whatever tier is captured as the hold's",
            "(held.meter, price.service_tier) != (usage.meter, usage.service_tier)",
            "held.meter != usage.meter",
        ),
        killers=(_ADJUSTMENTS,),
    ),
    *_of(
        "shared.usecases.price_usage",
        (
            "hold the list price where more is charged",
            "rounded_up(items) if worth is most_of else rounded_once(items)",
            "listed if worth is most_of else rounded_once(items)",
        ),
        killers=(_ADJUSTMENTS,),
    ),
    *_of(
        "shared.ledger.effects",
        ("forget the adjustment of a hold", "now_ms, terms.adjustment, usage.get", "now_ms, None, usage.get"),
        killers=(_ADJUSTMENTS,),
    ),
    *_of(
        "shared.ledger.operations",
        (
            "take the adjustment for what was asked",
            '"remainder", "adjustment", "exchange_rate"})',
            '"remainder", "exchange_rate"})',
        ),
        ("take the rate of a currency for what was asked", '"adjustment", "exchange_rate"})', '"adjustment"})'),
        killers=(_ADJUSTMENTS,),
    ),
    *_of(
        "shared.pricing.currencies",
        ("take any currency for dollars", "if currency == DOLLAR:", "if True:"),
        killers=(_ADJUSTMENTS,),
    ),
    *_of(
        "shared.ledger.money",
        ("take a dollar for ten", "MICROCENTS_PER_DOLLAR: Final = 10**8", "MICROCENTS_PER_DOLLAR: Final = 10**7"),
        (
            "take two spellings of a cost for two costs",
            'plain.rstrip("0").rstrip(".") if "." in plain else plain',
            "text",
        ),
        ("accept a cost below zero", "if number.is_signed():", "if False:"),
        killers=(_MONEY,),
    ),
    *_of(
        "shared.ledger.operations",
        (
            "take the cost in dollars for none of the content",
            'frozenset({"usage", "cost_usd", "cost_money"})',
            'frozenset({"usage"})',
        ),
        killers=(_MONEY,),
    ),
    *_of(
        "shared.verification.accounts",
        (
            "believe any cost of dollars",
            "if is_misstated or _effect(expected) != _effect(entry):",
            "if _effect(expected) != _effect(entry):",
        ),
        killers=(_MONEY,),
    ),
    *_of(
        "shared.ledger.effects",
        ("carry nothing from a charge", "shortfall=cost - takes,\n        carry=carry,\n", "shortfall=cost - takes,\n"),
        (
            "carry nothing from a capture",
            "shortfall=wanted - amount,\n        origin=held.origin,\n        carry=carry,\n",
            "shortfall=wanted - amount,\n        origin=held.origin,\n",
        ),
        (
            "ask for the amount without what is carried",
            "            return _insufficient(context, cost)\n",
            "            return _insufficient(context, terms.cost)\n",
        ),
        ("forget the price of a hold", "            price=_held_price(terms, context.now_ms),\n", ""),
        killers=(_REMAINDERS, _RECORD_PRICED),
    ),
    *_of(
        "shared.ledger.operations",
        (
            "take the remainder for what was asked",
            '_PRICED: Final = frozenset({"cost", "amount", "rate_card", "remainder", "adjustment", "exchange_rate"})',
            '_PRICED: Final = frozenset({"cost", "amount", "rate_card", "adjustment", "exchange_rate"})',
        ),
        killers=(_REMAINDERS,),
    ),
    *_of(
        "shared.ledger.operations",
        (
            "take the quantities that were read from a report for what was asked",
            "return {RAW_DIGEST: usage[RAW_DIGEST]} if RAW_DIGEST in usage else usage",
            "return usage",
        ),
        killers=(_RECORD_PRICED,),
    ),
    *_of(
        "shared.usecases.price_usage",
        (
            "take the price of the whole for a dearer part",
            "if number and name in card.rate.dearer:",
            "if False:",
        ),
        killers=(_GENAI,),
    ),
    *_of(
        "shared.pricing.rates",
        (
            "price parts that may overlap",
            "if name not in units and units.get(one) and units.get(other):",
            "if False:",
        ),
        killers=(_GENAI,),
    ),
    *_of(
        "shared.usecases.record_priced",
        (
            "price a capture by the card of its day",
            "    if price is None:\n        return price_usage",
            "    if True:\n        return price_usage",
        ),
        (
            "price whatever is captured by the card of the hold",
            "if not book.is_one_model(tenant, usage.meter, price.model, usage.model):",
            "if False:",
        ),
        (
            "hold nothing for a model that costs",
            "if not amount and not quote.card.rate.is_free:",
            "if False:",
        ),
        killers=(_RECORD_PRICED,),
    ),
    *_of(
        "shared.pricing.matching",
        (
            "let the payer choose the price by spelling",
            "yield from sorted(self._resolved.get(identity, ())",
            "yield from sorted(()",
        ),
        ("take the longest pattern last", "key=lambda each: (-len(", "key=lambda each: (len("),
        ("match the beginning of a name alone", "return rest.endswith(last)", "return True"),
        killers=(_MATCHING,),
    ),
    *_of(
        "shared.pricing.cards",
        (
            "let a payer pass by a limit of a model by spelling",
            "return name if identity is None else own_name(identity, self._built_in)",
            "return card.model",
        ),
        (
            "price by an alias of an older version",
            "name.alias in {None, *card.aliases}",
            "True",
        ),
        killers=(_MATCHING,),
    ),
    *_of(
        "shared.adapters.genai_names",
        (
            "price a look-alike",
            "for base, sellers in _bases(name)",
            "for base, sellers in [(stem, _providers()) for stem in _stems() if stem and name.startswith(stem)]",
        ),
        killers=(_GENAI_NAMES,),
    ),
    *_of(
        "shared.pricing.rates",
        (
            "price a sum of requests as one long request",
            "if number and requests == 1:",
            "if number:",
        ),
        killers=("tests/unit/pricing/test_rates.py",),
    ),
    *_of(
        "shared.pricing.cards",
        (
            "find a built-in price as of today",
            "built_in_model(reference) or model, priced_at_ms)",
            "built_in_model(reference) or model, priced_at_ms + 86_400_000)",
        ),
        killers=(_RECORD_PRICED,),
    ),
    *_of(
        "shared.pricing.estimates",
        ("hold for parts as for their whole", "        if parts:\n", "        if False:\n"),
        ("hold for the cheapest that it may be first", "key=lambda name: (-Fraction(", "key=lambda name: (Fraction("),
        (
            "hold for the tier of all units alone",
            "yield max(steps, key=lambda item: item.millicents)",
            "yield steps[-1]",
        ),
        (
            "forget the least number of units of a part",
            "_bound(name, units, rate) + least[name]",
            "_bound(name, units, rate)",
        ),
        ("hold for the first tier alone", "return max([price.price, *(", "return min([price.price, *("),
        killers=(_ESTIMATES,),
    ),
    *_of(
        "shared.pricing.rates",
        ("round a hold down", "_microcents(items).__ceil__()", "_microcents(items).__floor__()"),
        killers=(_ESTIMATES,),
    ),
    *_of(
        "shared.verification.regressions",
        (
            "let an account vanish from a digest",
            "    if head is None:\n",
            "    if head is None:\n        return None\n",
        ),
        ("let an account fall behind a digest", "if head.seq < earlier.seq:", "if False:"),
        ("take an equal seq for the same history", "and head.hash != earlier.hash:", "and False:"),
        killers=(_REGRESSIONS,),
    ),
    *_of(
        "shared.usecases.make_digest",
        (
            "compare with a digest that is newer than the heads",
            "    previous = store.newest()\n    tree = head_tree(accounts.heads())\n",
            "    tree = head_tree(accounts.heads())\n    previous = store.newest()\n",
        ),
        (
            "sign a digest that says nothing of the last",
            "        regressions=found.count,\n",
            "        regressions=0,\n",
        ),
        killers=(_PROOFS,),
    ),
    *_of(
        "shared.ledger.protocol",
        (
            "wait for a state that has vanished",
            "                raise RecordDamaged(account.tenant, account.actor)\n",
            "                yield from budget.pause()\n",
        ),
        killers=(_PROTOCOL,),
    ),
    *_of(
        "shared.adapters.dynamodb_ledger",
        (
            "let a vanished account begin again",
            "                if part.seen.seq == 0:\n",
            "                if False:\n",
        ),
        (
            "take a state in another's hands for a vanished one",
            "return Busy(cause=failure) if _CONFLICT in codes else damage",
            "return damage",
        ),
        killers=(_ANSWERS,),
    ),
    *_of(
        "shared.adapters.dynamodb_inspection",
        ("list an account on every page", "if pk != listed_pk]", "]"),
        ("list an account by every table", "_LISTED[: _LISTED.index(table)]", "()"),
        killers=(_RECONCILE,),
    ),
    *_of(
        "shared.usecases.reconcile_accounts",
        ("look for no account of the digest", "if not sources.books.has_rows(head.account):", "if False:"),
        ("look for no entry of the digest", "    if head is None or any(", "    if True or any("),
        killers=(_RECONCILE, _TAMPERING),
    ),
    *_of(
        "shared.usecases.digest_heads",
        ("believe the heads that are there", "if not is_chunk_of(heads, self.summary[index]):", "if False:"),
        killers=(_TAMPERING,),
    ),
    *_of(
        "shared.adapters.kms_signer",
        ("take any signature for ours", "                return False\n", "                return True\n"),
        ("take whatever KMS says for a yes", 'return told["SignatureValid"]', "return True"),
        killers=(_ADAPTERS,),
    ),
    *_of(
        "tests.simulation.table",
        ("a table without the parent's conditions", " or is_parent_moved:", ":"),
    ),
    *_of(
        "shared.ledger.usage",
        ("count late spending on the day of recording", "rfc3339(entry.occurred_at_ms)", "rfc3339(entry.at_ms)"),
        killers=(_EVENT_TIME,),
    ),
    *_of(
        "shared.ledger.counterparts",
        (
            "charge a parent for now what its member spent before",
            'if may_overdraw else "refuse", occurred_at_ms=terms.occurred_at_ms)',
            'if may_overdraw else "refuse")',
        ),
        (
            "capture for now from a parent what its member spent before",
            "        if_expired=terms.if_expired,\n        occurred_at_ms=terms.occurred_at_ms,\n",
            "        if_expired=terms.if_expired,\n",
        ),
        killers=(_EVENT_TIME, SIMULATOR),
    ),
    *_of(
        "shared.usecases.event_time",
        (
            "accept what was spent ages ago",
            "if not first_ms <= occurred_at_ms <= last_ms",
            "if occurred_at_ms > last_ms",
        ),
        (
            "accept what is not spent yet",
            "if not first_ms <= occurred_at_ms <= last_ms",
            "if first_ms > occurred_at_ms",
        ),
        ("refuse what is just in time", "if not first_ms <= occurred_at_ms", "if not first_ms < occurred_at_ms"),
        killers=(_BOUNDS,),
    ),
    *_of(
        "shared.usecases.record_priced",
        (
            "price late usage as of now",
            "    return time.event_time(said_to_have_occurred_at(operation.terms))\n",
            "    time.event_time(said_to_have_occurred_at(operation.terms))\n    return time.now_ms\n",
        ),
        (
            "record late spending as of its own time",
            "return ledger.record(asked, time.now_ms)",
            "return ledger.record(asked, _event_time(operation, time))",
        ),
        (
            "refuse what is on the record for being old by now",
            "    except (Unpriced, UnknownCurrency, InvalidOperation) as refused:\n",
            "    except (Unpriced, UnknownCurrency) as refused:\n",
        ),
        killers=(_RECORD_PRICED,),
    ),
    *_of(
        "shared.pricing.cards",
        (
            "take the oldest version that is remembered for the first",
            "lambda cards: _reach(cards, at_ms)",
            "lambda _: True",
        ),
        ("look for versions before the first", "newest_first[-1].version == 1 or ", ""),
        killers=(_CARDS,),
    ),
    *(
        mutant
        for module, mistakes, killers in MISTAKES_OF_BUDGETS
        for mutant in _of(module, *mistakes, killers=killers)
    ),
)
