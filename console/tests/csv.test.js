import assert from "node:assert/strict";
import test from "node:test";

import { nextOf, withoutHeading } from "../src/account/csv.js";

test("the next page is the one that the service names", () => {
  assert.equal(nextOf('</v1/accounts/user%3Aalice/entries?meter=llm&limit=1&after=NA>; rel="next"'), "NA");
  for (const none of [null, "", '</v1/x>; rel="next"', '</v1/x?after=A>; rel="prev"']) assert.equal(nextOf(none), null);
});

test("a file has one heading", () => {
  assert.equal(withoutHeading("at,seq\r\n1,2\r\n3,4\r\n"), "1,2\r\n3,4\r\n");
  assert.equal(withoutHeading("at,seq\r\n"), "");
});
