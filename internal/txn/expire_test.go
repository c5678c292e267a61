package txn_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tandemdb/tandem/internal/catalog"
	"github.com/tandemdb/tandem/internal/txn"
)

func TestExpireDocuments(t *testing.T) {
	now := time.Date(2030, 1, 1, 12, 0, 0, 0, time.UTC)
	date := func(age time.Duration) string {
		return fmt.Sprintf(`{"$date": %q}`, now.Add(-age).Format("2006-01-02T15:04:05.000Z"))
	}
	for _, key := range []string{`{"t": 1}`, `{"t": -1}`} {
		t.Run(key, func(t *testing.T) {
			d := open(t)
			require.NoError(t, d.index("db.c", key, `{"expireAfterSeconds": 60}`))
			require.NoError(t, d.insert("db.c",
				`{"_id": 1, "t": `+date(61*time.Second)+`}`,
				`{"_id": 2, "t": `+date(59*time.Second)+`}`,
				`{"_id": 3, "t": [`+date(0)+`, `+date(time.Hour)+`, `+date(2*time.Hour)+`]}`,
				`{"_id": 4, "t": 5}`, `{"_id": 5}`, `{"_id": 6, "t": null}`, `{"_id": 7, "t": []}`, `{"_id": 8, "t": {"$timestamp": {"t": 1, "i": 1}}}`,
				`{"_id": 9, "t": `+date(60*time.Second)+`}`,
				`{"_id": 10, "t": `+date(time.Hour)+`}`,
			))
			held := d.session()
			require.NoError(t, d.update(held, "db.c", `{"_id": 10, "held": 1}`))
			n, err := d.ExpireDocuments(d.ctx(), now)
			require.NoError(t, err)
			require.EqualValues(t, 3, n)
			held.Rollback()
			n, err = d.ExpireDocuments(d.ctx(), now)
			require.NoError(t, err)
			require.EqualValues(t, 1, n, "what was held is left for the next pass")
			require.Len(t, d.docs("db.c"), 6)
			d.requireValid("db.c")
		})
	}
}

func TestExpireClustered(t *testing.T) {
	now := time.Date(2030, 1, 1, 12, 0, 0, 0, time.UTC)
	d := open(t)
	d.create("db.c", `{"clusteredIndex": {"key": {"_id": 1}, "unique": true}, "expireAfterSeconds": 10}`)
	require.NoError(t, d.insert("db.c",
		`{"_id": {"$date": "2030-01-01T11:59:00.000Z"}}`, `{"_id": {"$date": "2030-01-01T11:59:55.000Z"}}`, `{"_id": 1}`))
	n, err := d.ExpireDocuments(d.ctx(), now)
	require.NoError(t, err)
	require.EqualValues(t, 1, n)
	require.Len(t, d.docs("db.c"), 2)
}

func TestExpireManyBatches(t *testing.T) {
	d := open(t)
	require.NoError(t, d.index("db.c", `{"t": 1}`, `{"expireAfterSeconds": 0}`))
	require.NoError(t, d.write("db.c", func(x *txn.Txn, c *catalog.Collection) error {
		for i := range 1203 {
			if _, err := x.Insert(d.ctx(), c, doc(t, fmt.Sprintf(`{"_id": %d, "t": {"$date": "2020-01-01T00:00:00Z"}}`, i))); err != nil {
				return err
			}
		}
		return nil
	}))
	n, err := d.ExpireDocuments(d.ctx(), time.Now())
	require.NoError(t, err)
	require.EqualValues(t, 1203, n)
	require.Empty(t, d.docs("db.c"))
	d.requireValid("db.c")
}
