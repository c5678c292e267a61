// Package torture_test floods a server process with bad input while other clients go about their
// work, kills it, and checks that nobody but the senders has noticed.
package torture_test

import (
	"errors"
	"flag"
	"math/rand/v2"
	"net"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/tandemdb/tandem/internal/testutil"
)

var duration = flag.Duration("torture.time", 0, "how long to flood the server; 0 means 10 s, or 2 s with -short")

const (
	accounts  = 20
	opening   = 1000
	bullies   = 3
	tellers   = 2
	memoryMax = 1500 // MB resident
)

func TestTorture(t *testing.T) {
	total := *duration
	if total == 0 {
		total = 10 * time.Second
		if testing.Short() {
			total = 2 * time.Second
		}
	}
	bin, dir := testutil.BuildServer(t), filepath.Join(t.TempDir(), "data")
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	const rounds = 4
	for round := range rounds {
		s := testutil.StartProcess(t, bin, dir)
		names := setUp(t, s.Addr, round == 0)
		stop := make(chan struct{})
		var wg, flood sync.WaitGroup
		for i := range bullies {
			b := &bully{t: t, addr: s.Addr, r: rand.New(rand.NewPCG(seed, uint64(round*10+i))), names: names}
			flood.Go(func() { b.run(stop) })
		}
		for i := range tellers {
			c := &teller{t: t, r: rand.New(rand.NewPCG(seed, uint64(1000+round*10+i))), id: byte(1 + round*10 + i)}
			wg.Go(func() { c.run(s.Addr, stop) })
		}
		time.Sleep(total / rounds)
		if round%2 == 0 { // else it is killed under load
			close(stop)
			flood.Wait()
			wg.Wait()
			check(t, s.Addr)
			s.Kill()
		} else {
			check(t, s.Addr)
			close(stop)
			s.Kill()
			flood.Wait()
			wg.Wait()
		}
		if t.Failed() {
			return
		}
	}
	s := testutil.StartProcess(t, bin, dir)
	check(t, s.Addr)
	s.Kill()
}

func dial(t *testing.T, addr string) *testutil.RawConn {
	t.Helper()
	c, err := testutil.DialRaw(addr)
	require.NoError(t, err)
	return c
}

// setUp makes the accounts and returns the names of the commands.
func setUp(t *testing.T, addr string, first bool) (names []string) {
	t.Helper()
	c := dial(t, addr)
	defer c.Close()
	if first {
		docs := bson.A{}
		for i := range accounts {
			docs = append(docs, d("_id", i, "balance", opening))
		}
		r, err := c.Run("bank", d("insert", "accounts", "documents", docs))
		require.NoError(t, err)
		require.Zero(t, testutil.Code(r))
		_, err = c.Run("bank", d("createIndexes", "accounts", "indexes", bson.A{d("key", d("balance", 1), "name", "balance_1")}))
		require.NoError(t, err)
	}
	r, err := c.Run("admin", d("listCommands", 1))
	require.NoError(t, err)
	elems, err := r.Lookup("commands").Document().Elements()
	require.NoError(t, err)
	for _, e := range elems {
		if !tame[e.Key()] {
			names = append(names, e.Key())
		}
	}
	require.NotEmpty(t, names)
	return names
}

// check looks at the server through a new connection.
func check(t *testing.T, addr string) {
	t.Helper()
	c := dial(t, addr)
	defer c.Close()
	r, err := c.Run("bank", d("aggregate", "accounts", "cursor", d(), "pipeline", bson.A{d("$group", d("_id", nil, "sum", d("$sum", "$balance")))}))
	require.NoError(t, err)
	require.EqualValues(t, accounts*opening, r.Lookup("cursor", "firstBatch", "0", "sum").AsInt64())
	r, err = c.Run("bank", d("validate", "accounts"))
	require.NoError(t, err)
	require.True(t, r.Lookup("valid").Boolean(), "%s", r)
	r, err = c.Run("admin", d("serverStatus", 1))
	require.NoError(t, err)
	require.Less(t, r.Lookup("mem", "resident").AsInt64(), int64(memoryMax))
}

// teller moves money between accounts.
type teller struct {
	t      *testing.T
	r      *rand.Rand
	id     byte
	number int64
}

func (w *teller) run(addr string, stop <-chan struct{}) {
	c, err := testutil.DialRaw(addr)
	if err != nil {
		w.t.Error(err)
		return
	}
	defer c.Close()
	done := 0
	for {
		select {
		case <-stop:
			if done == 0 {
				w.t.Error("no transfer was made under the flood")
			}
			return
		default:
		}
		ok, err := w.transfer(c)
		switch {
		case ok:
			done++
		case err != nil:
			select {
			case <-stop:
			case <-time.After(200 * time.Millisecond):
				w.t.Errorf("a healthy client lost its connection: %v", err)
			}
			return
		}
	}
}

// transfer runs one transaction and reports whether it was committed.
func (w *teller) transfer(c *testutil.RawConn) (bool, error) {
	w.number++
	amount := w.r.IntN(100)
	from, to := w.r.IntN(accounts), w.r.IntN(accounts)
	lsid := d("id", bson.Binary{Subtype: 4, Data: append(make([]byte, 15), w.id)})
	in := func(cmd bson.D) bson.D {
		return append(cmd, d("lsid", lsid, "txnNumber", w.number, "autocommit", false)...)
	}
	add := func(id, n int) bson.D {
		return in(d("update", "accounts", "updates", bson.A{d("q", d("_id", id), "u", d("$inc", d("balance", n)))}))
	}
	for i, cmd := range []bson.D{append(add(from, -amount), bson.E{Key: "startTransaction", Value: true}), add(to, amount)} {
		r, err := c.Run("bank", cmd)
		if err != nil {
			return false, err
		}
		if code := testutil.Code(r); code != 0 {
			_, err = c.Run("admin", in(d("abortTransaction", 1)))
			return false, errors.Join(err, unexpected(i, code, r))
		}
	}
	r, err := c.Run("admin", in(d("commitTransaction", 1)))
	return err == nil && testutil.Code(r) == 0, err
}

// unexpected is an error for all but conflicts, which are part of a teller's day.
func unexpected(step int, code int32, r bson.Raw) error {
	switch code {
	case 112, 251, 24: // WriteConflict, NoSuchTransaction, LockTimeout
		return nil
	}
	return errors.New(r.String() + " at step " + string(rune('0'+step)))
}

// bully sends nonsense.
type bully struct {
	t     *testing.T
	addr  string
	r     *rand.Rand
	names []string
}

func (b *bully) run(stop <-chan struct{}) {
	for {
		c, err := net.DialTimeout("tcp", b.addr, 5*time.Second)
		if err == nil {
			b.flood(c, stop)
			_ = c.Close()
		}
		select {
		case <-stop:
			return
		case <-time.After(time.Millisecond):
		}
	}
}

// flood uses one connection until the server closes it, or for some requests.
func (b *bully) flood(c net.Conn, stop <-chan struct{}) {
	for range 1 + b.r.IntN(50) {
		select {
		case <-stop:
			return
		default:
		}
		frame, intact := b.frame()
		if _, err := c.Write(frame); err != nil {
			return
		}
		if b.r.IntN(20) == 0 {
			continue // without waiting for the answer
		}
		wait := 2 * time.Second
		if !intact {
			wait = 20 * time.Millisecond // it may be for the rest of the frame
		}
		_ = c.SetReadDeadline(time.Now().Add(wait))
		reply, err := readReply(c)
		if err != nil {
			return
		}
		if code, _ := reply.Lookup("code").AsInt64OK(); code == 1 {
			b.t.Errorf("internal error %s for the frame %x", reply, frame)
		}
	}
}
