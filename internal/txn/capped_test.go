package txn_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tandemdb/tandem/internal/catalog"
	"github.com/tandemdb/tandem/internal/storage"
	"github.com/tandemdb/tandem/internal/txn"
)

func TestCappedByDocuments(t *testing.T) {
	d := open(t)
	d.create("db.c", `{"capped": true, "size": 100000, "max": 3}`)
	require.NoError(t, d.index("db.c", `{"a": 1}`, ""))
	for i := range 10 {
		require.NoError(t, d.insert("db.c", fmt.Sprintf(`{"_id": %d, "a": %d}`, i, 10-i)))
	}
	require.Equal(t, []string{"{ _id: 7, a: 3 }", "{ _id: 8, a: 2 }", "{ _id: 9, a: 1 }"}, d.docs("db.c"))
	require.Equal(t, []string{"1", "2", "3"}, d.committedKeys("db.c", "a_1"))
	d.requireValid("db.c")
}

func TestCappedBySize(t *testing.T) {
	d := open(t)
	d.create("db.c", `{"capped": true, "size": 1000}`)
	text := strings.Repeat("x", 200)
	// Several in one transaction.
	require.NoError(t, d.write("db.c", func(x *txn.Txn, c *catalog.Collection) error {
		for i := range 10 {
			if _, err := x.Insert(d.ctx(), c, doc(t, fmt.Sprintf(`{"_id": %d, "t": %q}`, i, text))); err != nil {
				return err
			}
		}
		return nil
	}))
	docs := d.docs("db.c")
	require.Len(t, docs, 4)
	require.Contains(t, docs[3], "_id: 9")
	// The newest document stays, even if it is larger than all may be.
	require.NoError(t, d.insert("db.c", fmt.Sprintf(`{"_id": 99, "t": %q}`, strings.Repeat("x", 2000))))
	docs = d.docs("db.c")
	require.Len(t, docs, 1)
	require.Contains(t, docs[0], "_id: 99")
	d.requireValid("db.c")
}

// TestCappedOrder holds that whoever sees a document sees all older ones that have not been
// trimmed: record ids are in commit order.
func TestCappedOrder(t *testing.T) {
	d := open(t)
	d.create("db.c", `{"capped": true, "size": 1000000, "max": 50}`)
	var wg sync.WaitGroup
	for w := range 4 {
		wg.Go(func() {
			for i := range 50 {
				x, err := d.Begin(d.ctx(), txn.Options{})
				if err != nil {
					t.Error(err)
					return
				}
				c, err := x.ForWrite(d.ctx(), "db.c")
				if err == nil {
					_, err = x.Insert(d.ctx(), c, doc(t, fmt.Sprintf(`{"_id": %d}`, w*1000+i)))
				}
				if err == nil {
					_, err = x.Commit(d.ctx(), storage.Buffered)
				}
				x.Rollback()
				if err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	done := make(chan struct{})
	go func() { wg.Wait(); close(done) }()
	var seen []string
	for running := true; running; {
		select {
		case <-done:
			running = false
		default:
		}
		now := d.docs("db.c")
		// The end of what was seen, as far as it is still there, comes first.
		for len(seen) > 0 && (len(now) == 0 || seen[0] != now[0]) {
			seen = seen[1:]
		}
		require.LessOrEqual(t, len(seen), len(now))
		require.Equal(t, append([]string{}, seen...), append([]string{}, now[:len(seen)]...))
		seen = now
	}
	require.Len(t, d.docs("db.c"), 50)
	d.requireValid("db.c")
}
