"""The mutants of the client's budgets: modules, their mistakes, and the tests that notice them."""

from typing import Final, TypeAlias

Mistakes: TypeAlias = tuple[str, tuple[tuple[str, str, str], ...], tuple[str, ...]]
"""A module, its mistakes (name, right, wrong), and what is to notice them."""

_STATE: Final = "tests/leases/test_state.py"
_JOURNAL: Final = "tests/leases/test_journal.py"
_BUDGET: Final = "tests/leases/test_budget.py"
_WORLD: Final = "tests/leases/test_world.py"

MISTAKES_OF_BUDGETS: Final[tuple[Mistakes, ...]] = (
    (
        "millicent.leases.state",
        (
            ("spend of a hold to its last moment", "and now_s < each.lasts_until_s:", "and now_s < each.ends_at_s:"),
            (
                "count a hold's life from its answer",
                "        each.hold = placed.hold\n",
                "        each.hold = placed.hold\n        self._last_from(each, now_s)\n",
            ),
            (
                "count an extension from its answer",
                "        self._last_from(each, call.asked_at_s)\n",
                "        self._last_from(each, call.asked_at_s + 30)\n",
            ),
            (
                "spend of a hold that came too late",
                "        if now_s >= each.lasts_until_s or self.is_closing:\n",
                "        if self.is_closing:\n",
            ),
            ("spend more than is left", "if each.left >= microcents and", "if each.left and"),
            (
                "let more than a slice be unsettled",
                "        return self.unsettled_microcents + microcents > self._bound\n",
                "        return False\n",
            ),
            (
                "serve whoever is the first to ask again",
                "        if self.wanted and self._is_behind(microcents, now_s, ticket):\n",
                "        if False:\n",
            ),
            (
                "let who waits for a slice keep all others waiting",
                "            if self.fitting(wanted, now_s) is not None:\n",
                "            if True:\n",
            ),
            (
                "repeat a batch that was refused whole as it is",
                "failure = error\n        self._halve(lines)\n",
                "failure = error\n",
            ),
            (
                "let a line without an answer keep the others from the record",
                "self._unsent | back if len(lines) == 1 else back | self._unsent",
                "back | self._unsent",
            ),
            (
                "make batches smaller that met no ledger",
                "                if not isinstance(failed.error, Unreachable | Throttled):\n",
                "                if True:\n",
            ),
            (
                "say nothing of a busy account",
                '            self._lanes["lines"].failed(error, now_s)\n',
                '            self._lanes["lines"].pause_until_s = now_s + 0.25\n',
            ),
            (
                "come back to a busy account as soon each time",
                "        if over or left_open is None:\n",
                "        if True:\n",
            ),
            (
                "let small batches wait for each other",
                "        elif not len(lines) == self._most_lines < self.terms.flush_at:\n",
                "        else:\n",
            ),
            (
                "forget a batch without an answer",
                "                self._unsend(lines, now_s)\n",
                "                self._sent.clear()\n",
            ),
            (
                "send late spends under the key of the hold's part",
                "        line.is_late = True\n",
                "        line.is_late = False\n",
            ),
            (
                "refuse what is left in several slices together",
                "any(size <= together for size in self.wanted.values())",
                "False",
            ),
            (
                "believe a refusal for ever",
                "        if refusal is None or now_s >= refusal.until_s:\n",
                "        if refusal is None:\n",
            ),
            (
                "believe a refusal of slices that are gone",
                "            self._refusal = None\n            return\n",
                "            return\n",
            ),
            ("extend nothing", "not each.is_needed or now_s < each.extend_at_s:", "True:"),
            (
                "extend under the key of before",
                '"{self._prefix}.{each.number}.extend.{each.extensions}"',
                '"{self._prefix}.{each.number}.extend"',
            ),
            (
                "prefetch again after each refusal",
                "        if self._is_prefetch_refused or not self._is_low:\n",
                "        if not self._is_low:\n",
            ),
            ("keep an idle slice", "now_s - self._last_spend_s >= self.terms.idle_release_s and", "False and"),
            (
                "let a sum grow that is sent",
                "            each.sums.clear()\n",
                "            pass\n",
            ),
            (
                "take a token's refusal for the ledger's",
                "        if call.is_repeated and _says_nothing_of_earlier_calls(answer.error):\n",
                "        if False:\n",
            ),
            (
                "begin the numbers of slices again",
                "        self._next_slice = max(self._next_slice, number + 1)\n",
                "",
            ),
        ),
        (_STATE, _JOURNAL, _WORLD),
    ),
    (
        "millicent.leases.lanes",
        (
            (
                "come back before the service wants it",
                "max(own_s, min(_asked_s(error), self.ttl_s / _PAUSES_A_LIFE))",
                "own_s",
            ),
            (
                "let a hold end in a pause",
                "min(_asked_s(error), self.ttl_s / _PAUSES_A_LIFE)",
                "_asked_s(error)",
            ),
            ("come back all together", "self.random.uniform(longest_s / 2, longest_s)", "longest_s"),
            ("come back as soon after each failure", "        self.failures += 1\n", ""),
        ),
        (_STATE,),
    ),
    (
        "millicent.leases.slices",
        (
            (
                "release a hold whose spends are not settled",
                "bool(self.reservations or self.unsettled)",
                "bool(self.reservations)",
            ),
            (
                "release a hold of which a part is reserved",
                "bool(self.reservations or self.unsettled)",
                "bool(self.unsettled)",
            ),
        ),
        (_STATE, _WORLD),
    ),
    (
        "millicent.leases.lease",
        (
            (
                "count a spend before it is written",
                "            self.journal.put_line(line, microcents)\n",
                "            self.state.counts.spends += 1\n            self.journal.put_line(line, microcents)\n",
            ),
            (
                "ask for a slice that is not written",
                "            if isinstance(call, PlaceHold):\n",
                "            if isinstance(call, PlaceHold) and call.is_repeated:\n",
            ),
            (
                "send a sum that is not on the disk",
                "                self.journal.sync()\n",
                "                pass\n",
            ),
            (
                "spend of a reservation whose hold has ended",
                "is_enough and not of.has_ended and now_s < of.lasts_until_s",
                "is_enough",
            ),
            (
                "spend a reservation beyond the slice",
                "reserved.left + (0 if of.is_retired else of.left)",
                "reserved.left + 10**9",
            ),
            (
                "wait for a hold that the reservation makes needless",
                "if reserved is not None and is_covered else microcents",
                "if False else microcents",
            ),
            ("give a reservation back twice", "            reserved.is_open = False\n", ""),
            (
                "take one key twice",
                "        if about.key and self.state.is_unsettled(about.key):\n",
                "        if False:\n",
            ),
        ),
        (_STATE, _JOURNAL, _WORLD),
    ),
    (
        "millicent.leases.journal",
        (
            ("let two processes in", '"PRAGMA locking_mode = EXCLUSIVE"', '"PRAGMA locking_mode = NORMAL"'),
            ("take any database for a journal", "and found != (_APPLICATION, _FORMAT):", "and False:"),
            ("read a damaged journal", 'PRAGMA quick_check(1)")) != "ok":', 'PRAGMA user_version")) == "ok":'),
            ("settle the journal of another", "        if owner != self.owner:\n", "        if False:\n"),
            (
                "let lines stay when their slice goes",
                '            self._file.executemany("DELETE FROM lines WHERE slice = ?", numbers)\n',
                "",
            ),
            (
                "write nothing of what a sum grows by",
                "(line.microcents + microcents, line.count + 1,",
                "(line.microcents, line.count,",
            ),
        ),
        (_JOURNAL, _WORLD),
    ),
    (
        "millicent.leases.calls",
        (
            (
                "charge late without the name of the hold",
                '    about["metadata"] = {**(line.told or {}), LEASE: hold}\n',
                "",
            ),
            (
                "charge late under a new key each time",
                "key=_late_key(line.key), if",
                "key=line.key + LATE + str(id(line)), if",
            ),
            ("let late spends be refused", 'if_insufficient="overdraw"', 'if_insufficient="refuse"'),
            (
                "name a late charge beyond the longest key",
                "key if len(key + LATE) <= ids.LONGEST else",
                "key if key else",
            ),
            (
                "repeat for ever what is refused whole",
                "Refused(error) if _is_of_the_content(error) else Failed(error)",
                "Failed(error)",
            ),
            ("take a gateway's word for the service's", " and error.code is not None)", ")"),
            ("take no answer for a no", "    except MillicentError as error:\n", "    except ApiError as error:\n"),
        ),
        (_STATE, _WORLD),
    ),
    (
        "millicent.leases.budget",
        (
            (
                "let a child have its parent's budget",
                "        self._closed, self._is_stopped = _FORKED, True\n",
                "",
            ),
            (
                "leave a child the lock of its parent",
                "        # Another thread of the parent may have had the lock, which nobody here will give back.\n",
                "        return\n",
            ),
            (
                "say nothing of what is lost",
                "            if self._lease.state.unsettled_spends or self._lease.state.counts.rejected:\n",
                "            if False:\n",
            ),
            (
                "say nothing at the end of what will never be recorded",
                "            if self._lease.state.unsettled_spends or self._lease.state.counts.rejected:\n",
                "            if self._lease.state.unsettled_spends:\n",
            ),
            ("flush as if all were on the record", " or state.counts.rejected > rejected:\n", ":\n"),
            (
                "spend what cannot be sent",
                "            check_size(self.actor, line)\n",
                "            pass\n",
            ),
        ),
        (_BUDGET,),
    ),
    (
        "millicent.leases.content",
        (
            (
                "let a caller change what was spent",
                "        return {name: _copied(each) for name, each in value.items()}\n",
                "        return value\n",
            ),
            ("spend what is too large for a batch", "> _LONGEST_LINE_BYTES:", "> 10**9:"),
            ("spend what is too deep for a batch", "_is_deeper(_DEEPEST_CONTENT, content)", "False"),
            ("spend what is no JSON", "and not value.is_finite()", "and False"),
            ("let two names be one", "if len(set(map(str, value))) < len(value):", "if False:"),
        ),
        (_BUDGET,),
    ),
    (
        "millicent.leases.patience",
        (
            (
                "give up while the ledger goes on taking lines",
                "        if self._is_renewed and finished > self._finished:\n",
                "        if False:\n",
            ),
            (
                "count the time in which the process was stopped",
                "        self.left_s -= min(asked_s, took_s)\n",
                "        self.left_s -= took_s\n",
            ),
        ),
        (_BUDGET,),
    ),
)
