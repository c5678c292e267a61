package command_test

import "testing"

func TestMinAndMax(t *testing.T) {
	c := newServer(t).connect()
	seed(t, c, `[{"_id": 1, "a": 1}, {"_id": 2, "a": 2}, {"_id": 3, "a": 3}]`)
	requireOutcomes(t, c, []outcome{
		{`{"createIndexes": "c", "indexes": [{"key": {"a": 1}, "name": "a_1"}]}`, 0},
		{`{"find": "c", "min": {"a": 1}}`, 51173},
		{`{"find": "c", "max": {"a": 1}}`, 51173},
		{`{"find": "c", "min": {"a": 1}, "hint": {"_id": 1}}`, 51174},
		{`{"find": "c", "min": {"a": 2}, "max": {"a": 2}, "hint": "a_1"}`, 51175},
		{`{"find": "c", "min": {"a": 3}, "max": {"a": 1}, "hint": "a_1"}`, 51175},
		{`{"distinct": "c", "key": "a\u0000b"}`, 31032},
	})
	requireReply(t, c, `{"find": "c", "min": {"a": 2}, "max": {"a": 3}, "hint": "a_1"}`, `[{"_id": 2, "a": 2}]`)
}

func TestNaturalOrder(t *testing.T) {
	c := newServer(t).connect()
	seed(t, c, `[{"_id": 2}, {"_id": 1}]`)
	requireReply(t, c, `{"find": "c", "sort": {"$natural": -1}}`, `[{"_id": 1}, {"_id": 2}]`)
	requireReply(t, c, `{"find": "c", "hint": {"$natural": -1.0}}`, `[{"_id": 1}, {"_id": 2}]`)
	requireOutcomes(t, c, []outcome{
		{`{"find": "c", "sort": {"$natural": 2}}`, 2},
		{`{"find": "c", "sort": {"$natural": 1, "a": 1}}`, 2},
		{`{"find": "c", "sort": {"a": 1, "$natural": 1}}`, 2},
		{`{"find": "c", "hint": {"$natural": 0}}`, 2},
		{`{"find": "c", "hint": {"$natural": 1, "a": 1}}`, 2},
	})
}
