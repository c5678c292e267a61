package txn_test

import (
	"context"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"
	"go.uber.org/goleak"

	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/catalog"
	"github.com/tandemdb/tandem/internal/collation"
	"github.com/tandemdb/tandem/internal/keyenc"
	"github.com/tandemdb/tandem/internal/layout"
	"github.com/tandemdb/tandem/internal/mongoerr"
	"github.com/tandemdb/tandem/internal/storage"
	"github.com/tandemdb/tandem/internal/storage/pebblekv"
	"github.com/tandemdb/tandem/internal/txn"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fieldIs is the partial filter of these tests: {field: value}.
type fieldIs struct {
	field string
	value bsonx.Value
}

func (f fieldIs) Matches(d bsonx.Doc) bool { return bsonx.Equal(d.Lookup(f.field), f.value) }

func compileFilter(d bsonx.Doc, _ *collation.Collation) (catalog.Filter, error) {
	field, v, ok := d.First()
	if !ok || v.Type == bsonx.TypeDocument {
		return nil, mongoerr.New(mongoerr.CannotCreateIndex, "unsupported expression in partial index")
	}
	return fieldIs{field, v.Clone()}, nil
}

// db is a store on an in-memory file system and what tests do with it.
type db struct {
	*txn.Store
	t   testing.TB
	fs  vfs.FS
	eng *pebblekv.DB
}

func open(t testing.TB) *db {
	d := &db{t: t, fs: vfs.NewMem()}
	d.start()
	t.Cleanup(func() { require.NoError(t, d.eng.Close()) })
	return d
}

func (d *db) start() {
	eng, err := pebblekv.Open("db", &pebblekv.Options{FS: d.fs, MustLock: layout.MustLock})
	require.NoError(d.t, err)
	s, err := txn.Open(d.t.Context(), eng, &txn.StoreOptions{CompileFilter: compileFilter})
	require.NoError(d.t, err)
	d.eng, d.Store = eng, s
}

// reopen closes the store and opens it from its files.
func (d *db) reopen() {
	require.NoError(d.t, d.eng.Close())
	d.start()
}

func (d *db) ctx() context.Context { return d.t.Context() }

// doc reads relaxed extended JSON.
func doc(t testing.TB, json string) bsonx.Doc {
	t.Helper()
	var d bson.D
	require.NoError(t, bson.UnmarshalExtJSON([]byte(json), false, &d), json)
	b, err := bson.Marshal(d)
	require.NoError(t, err)
	return b
}

// indexSpec makes a specification whose name is generated, of a key pattern and options.
func indexSpec(t testing.TB, key, options string) bsonx.Doc {
	t.Helper()
	k := doc(t, key)
	name := ""
	for it := k.Iter(); ; {
		f, v, ok := it.Next()
		if !ok {
			break
		}
		if name != "" {
			name += "_"
		}
		name += f + "_" + bsonx.Format(v)
	}
	b := bsonx.NewBuilder(nil).Doc("key", k).String("name", name)
	if options != "" {
		b.Append(doc(t, options))
	}
	return b.Build()
}

func (d *db) begin(opts txn.Options) *txn.Txn {
	d.t.Helper()
	x, err := d.Begin(d.ctx(), opts)
	require.NoError(d.t, err)
	d.t.Cleanup(x.Rollback)
	return x
}

// session begins a client's transaction.
func (d *db) session() *txn.Txn { d.t.Helper(); return d.begin(txn.Options{Session: true}) }

// coll returns the collection to write to, made if need be.
func (d *db) coll(x *txn.Txn, ns string) *catalog.Collection {
	d.t.Helper()
	c, err := x.ForWrite(d.ctx(), ns)
	require.NoError(d.t, err)
	if c == nil {
		c, err = x.CreateCollection(d.ctx(), ns, nil)
		require.NoError(d.t, err)
	}
	return c
}

// write runs fn in a transaction of its own and commits it if fn gives no error.
func (d *db) write(ns string, fn func(x *txn.Txn, c *catalog.Collection) error) error {
	d.t.Helper()
	x := d.begin(txn.Options{})
	defer x.Rollback()
	if err := fn(x, d.coll(x, ns)); err != nil {
		return err
	}
	_, err := x.Commit(d.ctx(), storage.Buffered)
	return err
}

func (d *db) create(ns, options string) {
	d.t.Helper()
	x := d.begin(txn.Options{})
	_, err := x.CreateCollection(d.ctx(), ns, doc(d.t, options))
	require.NoError(d.t, err)
	d.commit(x)
}

func (d *db) commit(x *txn.Txn) {
	d.t.Helper()
	_, err := x.Commit(d.ctx(), storage.Buffered)
	require.NoError(d.t, err)
}

func (d *db) index(ns, key, options string) error {
	d.t.Helper()
	_, err := d.CreateIndexes(d.ctx(), ns, []bsonx.Doc{indexSpec(d.t, key, options)}, storage.Buffered)
	return err
}

// insert adds documents, each in a transaction of its own, and returns the first error.
func (d *db) insert(ns string, docs ...string) error {
	d.t.Helper()
	for _, json := range docs {
		err := d.write(ns, func(x *txn.Txn, c *catalog.Collection) error {
			_, err := x.Insert(d.ctx(), c, doc(d.t, json))
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// update replaces the document that has the _id of the new one, in x.
func (d *db) update(x *txn.Txn, ns, json string) error {
	d.t.Helper()
	c := d.coll(x, ns)
	n := doc(d.t, json)
	rid, old, ok, err := x.GetByID(d.ctx(), c, n.Lookup("_id"), nil)
	require.NoError(d.t, err)
	require.True(d.t, ok)
	return x.Update(d.ctx(), c, rid, old, n)
}

// remove deletes the document with an integer _id, in x.
func (d *db) remove(x *txn.Txn, ns string, id int32) error {
	d.t.Helper()
	c := d.coll(x, ns)
	rid, old, ok, err := x.GetByID(d.ctx(), c, bsonx.Int32(id), nil)
	require.NoError(d.t, err)
	require.True(d.t, ok)
	return x.Delete(d.ctx(), c, rid, old)
}

// all returns the documents of ns in v, in record order.
func (d *db) all(v *txn.View, ns string) []string {
	d.t.Helper()
	c, err := v.Collection(d.ctx(), ns)
	require.NoError(d.t, err)
	if c == nil {
		return nil
	}
	it, err := v.Records(d.ctx(), c, txn.RecordRange{})
	require.NoError(d.t, err)
	var docs []string
	for it.Next() {
		docs = append(docs, it.Doc().String())
	}
	require.NoError(d.t, it.Close())
	return docs
}

// docs returns the committed documents of ns in record order.
func (d *db) docs(ns string) []string {
	d.t.Helper()
	v, err := d.View(d.ctx(), ns)
	require.NoError(d.t, err)
	defer v.Close()
	return d.all(v, ns)
}

// keys returns the entries of an index as their values, such as "1, null".
func (d *db) keys(v *txn.View, ns, index string) []string {
	d.t.Helper()
	c, err := v.Collection(d.ctx(), ns)
	require.NoError(d.t, err)
	x := c.Index(index)
	require.NotNil(d.t, x, index)
	it, err := v.Entries(d.ctx(), c, x, nil, nil, false)
	require.NoError(d.t, err)
	defer func() { require.NoError(d.t, it.Close()) }()
	keys := []string{}
	for it.Next() {
		keys = append(keys, tuple(d.t, x, it))
	}
	return keys
}

// tuple formats the values of an index entry.
func tuple(t testing.TB, x *catalog.Index, it *txn.EntryIter) string {
	t.Helper()
	s := ""
	key, bits := it.Key(), it.TypeBits()
	for i, f := range x.Keys {
		v, rest, restBits, err := keyenc.Decode(key, f.Desc, bits)
		require.NoError(t, err)
		key, bits = rest, restBits
		if i > 0 {
			s += ", "
		}
		s += bsonx.Format(v)
	}
	return s
}

// committedKeys is keys of the newest state.
func (d *db) committedKeys(ns, index string) []string {
	d.t.Helper()
	v, err := d.View(d.ctx(), ns)
	require.NoError(d.t, err)
	defer v.Close()
	return d.keys(v, ns, index)
}

// requireValid validates ns.
func (d *db) requireValid(ns string) {
	d.t.Helper()
	rep, err := d.Validate(d.ctx(), ns)
	require.NoError(d.t, err)
	require.Empty(d.t, rep.Errors)
}

func requireCode(t testing.TB, err error, code mongoerr.Code, text string) {
	t.Helper()
	require.Error(t, err)
	var e *mongoerr.Error
	require.ErrorAs(t, err, &e)
	require.Equal(t, code, e.Code, err)
	require.Contains(t, e.Message, text)
}

func requireConflict(t testing.TB, err error) *storage.ConflictError {
	t.Helper()
	var c *storage.ConflictError
	require.ErrorAs(t, err, &c, "want a conflict, got %v", err)
	return c
}

// quoteKeys makes JSON of a formatted document with plain keys.
func quoteKeys(s string) string {
	out, inString := make([]byte, 0, len(s)), false
	for i := 0; i < len(s); i++ {
		if s[i] == '"' {
			inString = !inString
		}
		start := !inString && (s[i] >= 'a' && s[i] <= 'z' || s[i] == '_')
		if !start {
			out = append(out, s[i])
			continue
		}
		j := i
		for s[j] != ':' {
			j++
		}
		out = append(append(append(out, '"'), s[i:j]...), '"')
		i = j - 1
	}
	return string(out)
}
