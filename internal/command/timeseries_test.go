package command_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestCreateTimeSeries shows which options a time-series collection can have, and how it is listed.
func TestCreateTimeSeries(t *testing.T) {
	const mismatch, invalid, bad, unknown = 14, 72, 2, 40415
	for options, code := range map[string]int32{
		`"timeseries": {"timeField": "t"}`:                                                              0,
		`"timeseries": {"timeField": "t", "metaField": "m", "granularity": "hours"}`:                    0,
		`"timeseries": {"timeField": "t", "granularity": "minutes", "bucketMaxSpanSeconds": 86400}`:     0,
		`"timeseries": {"timeField": "t", "bucketMaxSpanSeconds": 7200, "bucketRoundingSeconds": 7200}`: 0,
		`"timeseries": {"timeField": "t"}, "expireAfterSeconds": 100`:                                   0,
		`"timeseries": {"timeField": "t"}, "collation": {"locale": "ja"}`:                               0,
		`"timeseries": {"timeField": "t"}, "storageEngine": {}, "indexOptionDefaults": {}`:              0,
		`"timeseries": ""`:                                                                               mismatch,
		`"timeseries": {}`:                                                                               40414,
		`"timeseries": {"timeField": 100}`:                                                               mismatch,
		`"timeseries": {"timeField": "t", "metaField": 100}`:                                             mismatch,
		`"timeseries": {"timeField": "t", "more": {}}`:                                                   unknown,
		`"timeseries": {"timeField": "sub.t"}`:                                                           invalid,
		`"timeseries": {"timeField": "t", "metaField": "sub.m"}`:                                         invalid,
		`"timeseries": {"timeField": "t", "metaField": "t"}`:                                             invalid,
		`"timeseries": {"timeField": "t", "metaField": "_id"}`:                                           invalid,
		`"timeseries": {"timeField": "\u0000t"}`:                                                         bad,
		`"timeseries": {"timeField": "t", "granularity": "days"}`:                                        bad,
		`"timeseries": {"timeField": "t", "bucketMaxSpanSeconds": 10}`:                                   invalid,
		`"timeseries": {"timeField": "t", "granularity": "minutes", "bucketMaxSpanSeconds": 3600}`:       invalid,
		`"timeseries": {"timeField": "t", "granularity": "seconds", "bucketRoundingSeconds": 60}`:        invalid,
		`"timeseries": {"timeField": "t", "bucketMaxSpanSeconds": 0, "bucketRoundingSeconds": 0}`:        51024,
		`"timeseries": {"timeField": "t"}, "expireAfterSeconds": -10`:                                    invalid,
		`"timeseries": {"timeField": "t"}, "expireAfterSeconds": {"$numberLong": "4611686018427387904"}`: invalid,
		`"timeseries": {"timeField": "t"}, "expireAfterSeconds": ""`:                                     mismatch,
		`"timeseries": {"timeField": "t"}, "capped": true, "size": 100`:                                  invalid,
		`"timeseries": {"timeField": "t"}, "idIndex": {"key": {"_id": 1}, "name": "_id_"}`:               invalid,
		`"timeseries": {"timeField": "t"}, "validator": {}`:                                              invalid,
		`"timeseries": {"timeField": "t"}, "validationLevel": "off"`:                                     invalid,
		`"timeseries": {"timeField": "t"}, "viewOn": "c"`:                                                invalid,
		`"timeseries": {"timeField": "t"}, "clusteredIndex": false`:                                      invalid,
		`"expireAfterSeconds": 100`:                                                                      invalid,
	} {
		t.Run(options, func(t *testing.T) {
			c := newServer(t).connect()
			cmd := `{"create": "c", ` + options + `}`
			if code != 0 {
				c.run("t", ej(t, cmd)).fails(code)
				return
			}
			c.run("t", ej(t, cmd)).ok()
			c.run("t", ej(t, cmd)).ok() // once more is fine, other options are not
			c.run("t", ej(t, `{"create": "c", "timeseries": {"timeField": "other"}}`)).fails(48)
			c.run("t", ej(t, `{"create": "c"}`)).fails(48)
		})
	}
	c := newServer(t).connect()
	c.run("t", ej(t, `{"create": "c", "timeseries": {"timeField": "t", "metaField": "m"}, "expireAfterSeconds": 60}`)).ok()
	requireReply(t, c, `{"listCollections": 1, "filter": {"name": "c"}}`, `[{"name": "c", "type": "timeseries", "info": {"readOnly": false}, "options":
		{"timeseries": {"timeField": "t", "metaField": "m", "granularity": "seconds", "bucketMaxSpanSeconds": 3600}, "expireAfterSeconds": 60}}]`)
	requireReply(t, c, `{"listIndexes": "c"}`, `[{"v": 2, "key": {"m": 1, "t": 1}, "name": "m_1_t_1"}]`)
	c.run("t", ej(t, `{"create": "in", "timeseries": {"timeField": "t"}}`)).ok()
	c.run("t", inTxn(ej(t, `{"create": "in2", "timeseries": {"timeField": "t"}}`), 1, 1, true)).fails(263)
}

// measured is a server with three measurements, inserted out of order, two of them with the same _id.
func measured(t *testing.T) *client {
	c := newServer(t).connect()
	c.run("t", ej(t, `{"create": "c", "timeseries": {"timeField": "t", "metaField": "m"}}`)).ok()
	requireReply(t, c, `{"insert": "c", "documents": [
		{"_id": 1, "t": {"$date": "2026-01-03T00:00:00Z"}, "m": {"s": 1}, "v": 3},
		{"_id": 2, "t": {"$date": "2026-01-02T00:00:00Z"}, "m": {"s": 2}, "v": 2},
		{"_id": 1, "t": {"$date": "2026-01-01T00:00:00Z"}, "m": {"s": 1}, "v": 1}]}`, `{"n": 3}`)
	return c
}

func TestTimeSeriesReads(t *testing.T) {
	c := measured(t)
	c.s.restart()
	c = c.s.connect()
	for filter, want := range map[string]string{
		`"filter": {}`:                                                 `[{"v": 1}, {"v": 2}, {"v": 3}]`,
		`"filter": {}, "sort": {"t": -1}`:                              `[{"v": 3}, {"v": 2}, {"v": 1}]`,
		`"filter": {"_id": 1}`:                                         `[{"v": 1}, {"v": 3}]`,
		`"filter": {"_id": 2}`:                                         `[{"v": 2}]`,
		`"filter": {"m.s": 2}`:                                         `[{"v": 2}]`,
		`"filter": {"m": {"s": 1}}`:                                    `[{"v": 1}, {"v": 3}]`,
		`"filter": {"t": {"$date": "2026-01-02T00:00:00Z"}}`:           `[{"v": 2}]`,
		`"filter": {"t": {"$gte": {"$date": "2026-01-02T00:00:00Z"}}}`: `[{"v": 2}, {"v": 3}]`,
		`"filter": {"t": {"$lt": {"$date": "2026-01-02T00:00:00Z"}}}`:  `[{"v": 1}]`,
		`"filter": {"t": 5}`:                                           `[]`,
	} {
		requireReply(t, c, `{"find": "c", "projection": {"v": 1, "_id": 0}, `+filter+`}`, want)
	}
	plan := c.run("t", ej(t, `{"explain": {"find": "c", "filter": {}, "sort": {"t": 1}}}`)).ok().Lookup("queryPlanner", "winningPlan").String()
	require.NotContains(t, plan, "SORT", "the records are in the order of their times")
	requireReply(t, c, `{"aggregate": "c", "cursor": {}, "pipeline": [{"$group": {"_id": "$m.s", "n": {"$sum": "$v"}}}, {"$sort": {"_id": 1}}]}`,
		`[{"_id": 1, "n": 4}, {"_id": 2, "n": 2}]`)
	requireReply(t, c, `{"count": "c"}`, `{"n": 3}`)
	requireReply(t, c, `{"distinct": "c", "key": "_id"}`, `{"values": [1, 2]}`)
	require.True(t, c.run("t", d("validate", "c")).ok().Lookup("valid").Boolean())
	require.Len(t, c.run("t", inTxn(ej(t, `{"find": "c"}`), 1, 1, true)).batch(), 3)
}

// TestTimeSeriesWrites shows what may be done to measurements: insert, delete, and change the
// metaField of all that a filter on it selects.
func TestTimeSeriesWrites(t *testing.T) {
	const onlyMeta = `"multi": true, "q": {"m.s": 1}`
	for cmd, want := range map[string]string{
		`{"insert": "c", "documents": [{"_id": 1, "t": {"$date": "2026-01-01T00:00:00Z"}}]}`:                             `{"n": 1}`,
		`{"update": "c", "updates": [{` + onlyMeta + `, "u": {"$set": {"m.s": 7}}}]}`:                                    `{"n": 2, "nModified": 2}`,
		`{"update": "c", "updates": [{` + onlyMeta + `, "u": {"$rename": {"m.s": "m.r"}}}]}`:                             `{"n": 2, "nModified": 2}`,
		`{"update": "c", "updates": [{"multi": true, "q": {"$or": [{"m.s": 1}, {"m": 3}]}, "u": {"$unset": {"m": 1}}}]}`: `{"n": 2, "nModified": 2}`,
		`{"delete": "c", "deletes": [{"q": {"v": {"$gt": 1}}, "limit": 0}]}`:                                             `{"n": 2}`,
		`{"delete": "c", "deletes": [{"q": {"_id": 1}, "limit": 1}]}`:                                                    `{"n": 1}`,
		`{"findAndModify": "c", "remove": true, "query": {"_id": 2}}`:                                                    `{"lastErrorObject": {"n": 1}}`,
	} {
		t.Run(cmd, func(t *testing.T) {
			c := measured(t)
			requireReply(t, c, cmd, want)
			require.True(t, c.run("t", d("validate", "c")).ok().Lookup("valid").Boolean())
		})
	}
	c := measured(t)
	for cmd, code := range map[string]int32{
		`{"insert": "c", "documents": [{"_id": 1}]}`:                                                         2,
		`{"insert": "c", "documents": [{"_id": 1, "t": "2026"}]}`:                                            2,
		`{"insert": "c", "documents": [{"_id": 1, "t": [{"$date": {"$numberLong": "1"}}]}]}`:                 2,
		`{"update": "c", "updates": [{"q": {"m.s": 1}, "u": {"$set": {"m.s": 7}}}]}`:                         72,
		`{"update": "c", "updates": [{` + onlyMeta + `, "u": {"$set": {"v": 7}}}]}`:                          72,
		`{"update": "c", "updates": [{` + onlyMeta + `, "u": {"$set": {"mm": 7}}}]}`:                         72,
		`{"update": "c", "updates": [{` + onlyMeta + `, "u": {"$rename": {"m.s": "s"}}}]}`:                   72,
		`{"update": "c", "updates": [{` + onlyMeta + `, "u": [{"$set": {"m": 1}}]}]}`:                        72,
		`{"update": "c", "updates": [{` + onlyMeta + `, "upsert": true, "u": {"$set": {"m.s": 7}}}]}`:        72,
		`{"update": "c", "updates": [{"multi": true, "q": {"v": 1}, "u": {"$set": {"m.s": 7}}}]}`:            72,
		`{"update": "c", "updates": [{"multi": true, "q": {"$or": [{"v": 1}]}, "u": {"$set": {"m.s": 7}}}]}`: 72,
	} {
		r := c.run("t", ej(t, cmd)).ok()
		errs, _ := r.Lookup("writeErrors").Array().Values()
		require.Len(t, errs, 1, cmd)
		require.Equal(t, code, errs[0].Document().Lookup("code").Int32(), cmd)
	}
	for cmd, code := range map[string]int32{
		`{"findAndModify": "c", "query": {"m": 1}, "update": {"$set": {"m": 2}}}`:                      72,
		`{"createIndexes": "c", "indexes": [{"key": {"m": 1}, "name": "m", "unique": true}]}`:          72,
		`{"createIndexes": "c", "indexes": [{"key": {"t": 1}, "name": "t", "expireAfterSeconds": 5}]}`: 72,
		`{"aggregate": "c", "cursor": {}, "pipeline": [{"$out": "c"}]}`:                                72,
		`{"collMod": "c", "validator": {}}`:                                                            72,
		`{"collMod": "c", "index": {"name": "m_1_t_1", "expireAfterSeconds": 5}}`:                      72,
	} {
		c.run("t", ej(t, cmd)).fails(code)
	}
	c.run("admin", d("renameCollection", "t.c", "to", "t.d")).fails(20)
	for i, cmd := range []string{
		`{"insert": "c", "documents": [{"t": {"$date": "2026-01-01T00:00:00Z"}}]}`,
		`{"delete": "c", "deletes": [{"q": {}, "limit": 0}]}`,
	} {
		errs, _ := c.run("t", inTxn(ej(t, cmd), 1, int64(i+1), true)).ok().Lookup("writeErrors").Array().Values()
		require.EqualValues(t, 263, errs[0].Document().Lookup("code").Int32())
	}
	requireReply(t, c, `{"createIndexes": "c", "indexes": [{"key": {"v": 1}, "name": "v"}]}`, `{"numIndexesBefore": 1, "numIndexesAfter": 2}`)
	requireReply(t, c, `{"find": "c", "filter": {"v": 2}, "hint": "v", "projection": {"_id": 1}}`, `[{"_id": 2}]`)
}

// TestTimeSeriesCollMod makes buckets coarser and changes the expiry.
func TestTimeSeriesCollMod(t *testing.T) {
	c := measured(t)
	for _, step := range []struct {
		change string
		code   int32
	}{
		{`"timeseries": {"granularity": "minutes"}`, 0},
		{`"timeseries": {"granularity": "seconds"}`, 72},
		{`"timeseries": {"bucketMaxSpanSeconds": 100000}`, 72},
		{`"timeseries": {"bucketMaxSpanSeconds": 100000, "bucketRoundingSeconds": 100000}`, 0},
		{`"timeseries": {"granularity": "minutes"}`, 72},
		{`"timeseries": {"granularity": "hours"}`, 0},
		{`"timeseries": {}`, 0},
		{`"timeseries": {"timeField": "x"}`, 40415},
		{`"expireAfterSeconds": "10"`, 72},
		{`"expireAfterSeconds": -10`, 72},
		{`"expireAfterSeconds": {}`, 14},
		{`"expireAfterSeconds": 10`, 0},
		{`"expireAfterSeconds": "off"`, 0},
	} {
		r := c.run("t", ej(t, `{"collMod": "c", `+step.change+`}`))
		if step.code != 0 {
			r.fails(step.code)
			continue
		}
		r.ok()
	}
	requireReply(t, c, `{"listCollections": 1}`, `[{"name": "c", "type": "timeseries", "info": {"readOnly": false}, "options":
		{"timeseries": {"timeField": "t", "metaField": "m", "granularity": "hours", "bucketMaxSpanSeconds": 2592000}}}]`)
	c.run("t", ej(t, `{"create": "plain"}`)).ok()
	c.run("t", ej(t, `{"collMod": "plain", "timeseries": {"granularity": "hours"}}`)).fails(72)

	c.run("t", ej(t, `{"collMod": "c", "expireAfterSeconds": 86400}`)).ok()
	now := time.Date(2026, 1, 3, 12, 0, 0, 0, time.UTC)
	n, err := c.s.store.ExpireDocuments(context.Background(), now)
	require.NoError(t, err)
	require.EqualValues(t, 2, n)
	requireReply(t, c, `{"find": "c", "projection": {"v": 1, "_id": 0}}`, `[{"v": 3}]`)
}
