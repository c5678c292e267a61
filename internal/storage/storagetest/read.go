package storagetest

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/stretchr/testify/require"

	"github.com/tandemdb/tandem/internal/storage"
)

var readTests = []test{
	{"GetAppendsToDst", func(e *env) {
		e.write("a", "1")
		for _, r := range []storage.Reader{e.snapshot(), e.begin()} {
			v, ok, err := r.Get(e.ctx(), []byte("a"), []byte("x"))
			require.NoError(e, err)
			require.True(e, ok)
			require.Equal(e, "x1", string(v))
			v, ok, err = r.Get(e.ctx(), []byte("b"), []byte("x"))
			require.NoError(e, err)
			require.False(e, ok)
			require.Equal(e, "x", string(v))
		}
	}},
	{"SnapshotDoesNotMove", func(e *env) {
		e.write("a", "1")
		s := e.snapshot()
		e.write("a", "2", "b", "1")
		require.Equal(e, "1", s.get("a"))
		require.Equal(e, "-", s.get("b"))
		require.Equal(e, []string{"a=1"}, s.scan("", "", storage.ScanOptions{}))
		require.Equal(e, "2", e.get("a"))
	}},
	{"TxnSeesOwnWrites", func(e *env) {
		e.write("a", "1", "b", "1")
		t := e.begin()
		t.write("a", "2", "b", "-", "c", "3")
		require.Equal(e, "2", t.get("a"))
		require.Equal(e, "-", t.get("b"))
		require.Equal(e, "3", t.get("c"))
		require.Equal(e, "1", e.get("a"))
	}},
	{"EmptyValueExists", func(e *env) {
		t := e.begin()
		t.write("a", "")
		require.Empty(e, t.get("a"))
		require.Equal(e, []string{"a="}, t.scan("", "", storage.ScanOptions{}))
		t.commit()
		require.Empty(e, e.get("a"))
	}},
	{"PutCopiesItsArguments", func(e *env) {
		t := e.begin()
		key, value := []byte("a"), []byte("1")
		require.NoError(e, t.lock("a"))
		t.Put(key, value)
		key[0], value[0] = 'x', 'x'
		t.commit()
		require.Equal(e, "1", e.get("a"))
	}},
	{"BatchGetKeepsTheOrder", func(e *env) {
		e.write("a", "1", "b", "2", "c", "3")
		t := e.begin()
		t.write("b", "-", "d", "4")
		keys := [][]byte{[]byte("d"), []byte("x"), []byte("a"), []byte("b"), []byte("c"), []byte("a")}
		var got []string
		require.NoError(e, t.BatchGet(e.ctx(), keys, func(i int, v []byte) error {
			got = append(got, fmt.Sprintf("%d=%s", i, v))
			return nil
		}))
		require.Equal(e, []string{"0=4", "2=1", "4=3", "5=1"}, got)
	}},
	{"BatchGetStopsAtTheFirstError", func(e *env) {
		e.write("a", "1", "b", "2")
		stop := errors.New("stop")
		calls := 0
		err := e.snapshot().BatchGet(e.ctx(), [][]byte{[]byte("a"), []byte("b")}, func(int, []byte) error {
			calls++
			return stop
		})
		require.ErrorIs(e, err, stop)
		require.Equal(e, 1, calls)
	}},
	{"BatchGetMayReadTheSameReader", func(e *env) {
		e.write("a", "1", "b", "2")
		for _, r := range []storage.Reader{e.snapshot(), e.begin()} {
			var got []string
			require.NoError(e, r.BatchGet(e.ctx(), [][]byte{[]byte("a"), []byte("b")}, func(_ int, v []byte) error {
				other := get(e, r, "b")
				got = append(got, string(v)+other)
				return nil
			}))
			require.Equal(e, []string{"12", "22"}, got)
		}
	}},
	{"BigValues", func(e *env) {
		big := bytes.Repeat([]byte("0123456789abcdef"), 1<<20) // 16 MB, the largest document
		t := e.begin()
		require.NoError(e, t.lock("a"))
		t.Put([]byte("a"), big)
		v, ok, err := t.Get(e.ctx(), []byte("a"), nil)
		require.NoError(e, err)
		require.True(e, ok)
		require.True(e, bytes.Equal(big, v))
		t.commit()
		e.reopen()
		v, ok, err = e.snapshot().Get(e.ctx(), []byte("a"), nil)
		require.NoError(e, err)
		require.True(e, ok)
		require.True(e, bytes.Equal(big, v))
	}},
	{"LimitsAreTrue", func(e *env) {
		l := e.eng.Limits()
		require.GreaterOrEqual(e, l.MaxKey, 4<<10)
		require.GreaterOrEqual(e, l.MaxValue, 1<<20)
		require.GreaterOrEqual(e, l.MaxTxnBytes, l.MaxValue)
		key := string(bytes.Repeat([]byte("k"), l.MaxKey))
		e.write(key, "1")
		require.Equal(e, "1", e.get(key))
	}},
	{"AnyBytesAreKeys", func(e *env) {
		keys := []string{"\x00", "\x00\x00", "a\x00", "\xff", "\xff\xff\xff", "a"}
		for i, k := range keys {
			e.write(k, fmt.Sprint(i))
		}
		for i, k := range keys {
			require.Equal(e, fmt.Sprint(i), e.get(k))
		}
		require.Equal(e, []string{"\x00=0", "\x00\x00=1", "a=5", "a\x00=2", "\xff=3", "\xff\xff\xff=4"},
			e.snapshot().scan("", "", storage.ScanOptions{}))
	}},
}
