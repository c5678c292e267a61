package txn_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/layout"
	"github.com/tandemdb/tandem/internal/mongoerr"
	"github.com/tandemdb/tandem/internal/storage"
	"github.com/tandemdb/tandem/internal/txn"
)

func (d *db) drop(ns string) error {
	d.t.Helper()
	x, err := d.BeginDDL(d.ctx(), txn.Options{}, ns)
	require.NoError(d.t, err)
	defer x.Rollback()
	c, err := x.ForDDL(d.ctx(), ns)
	require.NoError(d.t, err)
	require.NotNil(d.t, c, ns)
	if err := x.DropCollection(d.ctx(), c); err != nil {
		return err
	}
	_, err = x.Commit(d.ctx(), storage.Buffered)
	return err
}

func (d *db) rename(from, to string, dropTarget bool) error {
	d.t.Helper()
	x, err := d.BeginDDL(d.ctx(), txn.Options{}, from, to)
	require.NoError(d.t, err)
	defer x.Rollback()
	c, err := x.ForDDL(d.ctx(), from)
	require.NoError(d.t, err)
	require.NotNil(d.t, c, from)
	if err := x.RenameCollection(d.ctx(), c, to, dropTarget); err != nil {
		return err
	}
	_, err = x.Commit(d.ctx(), storage.Buffered)
	return err
}

// stored counts the keys of the engine in the range that begins with first.
func (d *db) stored(first []byte) int {
	d.t.Helper()
	r, err := d.Engine.Snapshot(d.ctx(), 0)
	require.NoError(d.t, err)
	defer r.Close()
	it, err := r.Scan(d.ctx(), first, layout.RangeEnd(first), storage.ScanOptions{})
	require.NoError(d.t, err)
	n := 0
	for it.Next() {
		n++
	}
	require.NoError(d.t, it.Close())
	return n
}

func TestNamespaces(t *testing.T) {
	d := open(t)
	d.create("db.c", `{}`)
	for _, tc := range []struct {
		ns   string
		code mongoerr.Code
		text string
	}{
		{"db.", mongoerr.InvalidNamespace, "Invalid namespace specified 'db.'"},
		{"db", mongoerr.InvalidNamespace, "Invalid namespace specified 'db'"},
		{"/.coll", mongoerr.InvalidNamespace, "'/' is an invalid character in a db name: /"},
		{"db.coll$", mongoerr.InvalidNamespace, "Invalid collection name: coll$"},
		{"db..coll", mongoerr.InvalidNamespace, "Collection names cannot start with '.': .coll"},
		{"db.a\x00b", mongoerr.InvalidNamespace, "namespaces cannot have embedded null characters"},
		{"db." + strings.Repeat("x", 253), mongoerr.InvalidNamespace, "Fully qualified namespace is too long"},
		{strings.Repeat("x", 64) + ".c", mongoerr.InvalidNamespace, "db name must be at most 63 characters, found: 64"},
		{"db.system.foo", mongoerr.InvalidNamespace, "Invalid system namespace: db.system.foo"},
		{"DB.c", mongoerr.DatabaseDifferCase, "db already exists with different case already have: [db] trying to create [DB]"},
		{"db.c", mongoerr.NamespaceExists, "Collection db.c already exists."},
	} {
		x := d.begin(txn.Options{})
		_, err := x.CreateCollection(d.ctx(), tc.ns, nil)
		requireCode(t, err, tc.code, tc.text)
		x.Rollback()
	}
	for _, ns := range []string{"db.system.js", "db.a..b", "db.a.", "db.日本"} {
		d.create(ns, `{}`)
	}
}

func TestCreateIsAtomicAndPrivate(t *testing.T) {
	d := open(t)
	x, other, late := d.session(), d.session(), d.session()
	require.Empty(t, d.all(&late.View, "db.c"))
	for id, s := range []*txn.Txn{x, other} {
		_, err := s.Insert(d.ctx(), d.coll(s, "db.c"), doc(t, fmt.Sprintf(`{"_id": 1, "by": %d}`, id)))
		require.NoError(t, err, "each makes its own collection")
		require.Len(t, d.all(&s.View, "db.c"), 1)
	}
	require.Nil(t, d.Catalog.Current().Collection("db.c"))
	require.Empty(t, d.docs("db.c"))
	d.commit(x)
	require.Len(t, d.docs("db.c"), 1)
	require.Len(t, d.all(&other.View, "db.c"), 1)

	_, err := other.Commit(d.ctx(), storage.Synced)
	requireCode(t, err, mongoerr.WriteConflict, "on db.c; it was committed after the snapshot")
	c, err := late.Collection(d.ctx(), "db.c")
	require.NoError(t, err)
	require.Nil(t, c, "it was made after the snapshot")
	_, err = late.CreateCollection(d.ctx(), "db.c", nil)
	require.NoError(t, err)
	_, err = late.Commit(d.ctx(), storage.Synced)
	requireCode(t, err, mongoerr.WriteConflict, "on db.c;")
	d.reopen()
	require.Equal(t, []string{"{ _id: 1, by: 0 }"}, d.docs("db.c"))
	d.requireValid("db.c")
}

// A creation that is not committed stands in nobody's way, and is the one that fails.
func TestCreatedByOthersMeanwhile(t *testing.T) {
	d := open(t)
	x := d.session()
	_, err := x.Insert(d.ctx(), d.coll(x, "db.c"), doc(t, `{"_id": 1}`))
	require.NoError(t, err)
	_, err = x.CreateCollection(d.ctx(), "db.z", nil)
	require.NoError(t, err)
	require.NoError(t, d.insert("db.c", `{"_id": 2}`))
	_, err = x.Commit(d.ctx(), storage.Synced)
	requireCode(t, err, mongoerr.WriteConflict, "on db.c;")
	require.Nil(t, d.Catalog.Current().Collection("db.z"))
	require.Equal(t, []string{"{ _id: 2 }"}, d.docs("db.c"))
	d.requireValid("db.c")
}

// Of two that have made the same collections, one commits, whoever comes first.
func TestCommitsOfTheSameCreations(t *testing.T) {
	for range 50 {
		d := open(t)
		var made []*txn.Txn
		for _, names := range [][]string{{"db.a", "db.b"}, {"db.b", "db.a"}} {
			x := d.session()
			for _, ns := range names {
				_, err := x.CreateCollection(d.ctx(), ns, nil)
				require.NoError(t, err)
			}
			made = append(made, x)
		}
		var done sync.WaitGroup
		var committed atomic.Int32
		for _, x := range made {
			done.Go(func() {
				if _, err := x.Commit(d.ctx(), storage.Buffered); err == nil {
					committed.Add(1)
				}
			})
		}
		done.Wait()
		require.EqualValues(t, 1, committed.Load())
	}
}

func TestAbortedCreate(t *testing.T) {
	d := open(t)
	x := d.session()
	_, err := x.Insert(d.ctx(), d.coll(x, "db.c"), doc(t, `{"_id": 1}`))
	require.NoError(t, err)
	x.Rollback()
	require.NoError(t, d.insert("db.c", `{"_id": 2}`))
	require.Equal(t, []string{"{ _id: 2 }"}, d.docs("db.c"))
	d.requireValid("db.c")
}

func TestDropDestroysEverything(t *testing.T) {
	d := open(t)
	require.NoError(t, d.index("db.c", `{"a": 1}`, ""))
	require.NoError(t, d.insert("db.c", `{"_id": 1, "a": [1, 2]}`, `{"_id": 2, "a": 3}`))
	c := d.Catalog.Current().Collection("db.c")
	records := layout.AppendRecordPrefix(nil, c.ID)
	entries := layout.AppendIndexPrefix(nil, c.Index("a_1").ID)
	require.Equal(t, 2, d.stored(records))
	require.Equal(t, 3, d.stored(entries))
	require.NoError(t, d.drop("db.c"))
	require.Nil(t, d.Catalog.Current().Collection("db.c"))
	require.NoError(t, d.insert("db.c", `{"_id": 1}`))
	require.NoError(t, d.Reclaim(d.ctx()))
	require.Zero(t, d.stored(records))
	require.Zero(t, d.stored(entries))
	lo, _ := layout.MarkRange(c.Index("a_1").ID)
	require.Zero(t, d.stored(lo))
	n, err := d.Count(d.ctx(), c)
	require.NoError(t, err)
	require.Zero(t, n)
	require.Equal(t, []string{"{ _id: 1 }"}, d.docs("db.c"))
	d.requireValid("db.c")
}

func TestDropDatabase(t *testing.T) {
	d := open(t)
	require.NoError(t, d.insert("db.a", `{"_id": 1}`))
	require.NoError(t, d.insert("db.b", `{"_id": 1}`))
	require.NoError(t, d.insert("other.a", `{"_id": 1}`))
	d.create("db.v", `{"viewOn": "a", "pipeline": []}`)
	names, err := d.DropDatabase(d.ctx(), "db", storage.Synced)
	require.NoError(t, err)
	require.Equal(t, []string{"db.a", "db.b", "db.v"}, names)
	require.Empty(t, d.Catalog.Current().Database("db"))
	require.Len(t, d.docs("other.a"), 1)
	names, err = d.DropDatabase(d.ctx(), "db", storage.Synced)
	require.NoError(t, err)
	require.Empty(t, names)
}

func TestRename(t *testing.T) {
	d := open(t)
	require.NoError(t, d.index("db.a", `{"x": 1}`, ""))
	require.NoError(t, d.insert("db.a", `{"_id": 1, "x": 1}`))
	require.NoError(t, d.insert("db.b", `{"_id": 2}`))
	d.create("db.v", `{"viewOn": "a", "pipeline": []}`)
	requireCode(t, d.rename("db.a", "db.a", false), mongoerr.IllegalOperation, "itself")
	requireCode(t, d.rename("db.a", "db.b", false), mongoerr.NamespaceExists, "target namespace exists")
	requireCode(t, d.rename("db.a", "db.$", false), mongoerr.InvalidNamespace, "Invalid collection name")
	requireCode(t, d.rename("db.v", "db.w", false), mongoerr.CommandNotSupportedOnView, "cannot rename view: db.v")
	requireCode(t, d.rename("db.a", "Db.w", false), mongoerr.DatabaseDifferCase, "")
	require.NoError(t, d.rename("db.a", "db.b", true))
	require.NoError(t, d.rename("db.b", "far.c", false))
	require.Nil(t, d.Catalog.Current().Collection("db.b"))
	require.Equal(t, []string{"{ _id: 1, x: 1 }"}, d.docs("far.c"))
	d.requireValid("far.c")
	d.reopen()
	require.Nil(t, d.Catalog.Current().Collection("db.a"))
	require.NoError(t, d.insert("far.c", `{"_id": 2}`))
	d.requireValid("far.c")
}

// A snapshot reads the collection that it has, whatever became of it, but nobody writes there.
func TestOldSnapshotsAndDDL(t *testing.T) {
	for name, ddl := range map[string]func(d *db) error{
		"drop": func(d *db) error { return d.drop("db.c") },
		"drop and destroy": func(d *db) error {
			return errors.Join(d.drop("db.c"), d.Reclaim(d.ctx()))
		},
		"drop and create": func(d *db) error {
			return errors.Join(d.drop("db.c"), d.insert("db.c", `{"_id": 2}`))
		},
		"rename":       func(d *db) error { return d.rename("db.c", "db.d", false) },
		"rename to it": func(d *db) error { return d.rename("db.other", "db.c", true) },
		"index":        func(d *db) error { return d.index("db.c", `{"b": 1}`, "") },
	} {
		t.Run(name, func(t *testing.T) {
			d := open(t)
			require.NoError(t, d.insert("db.c", `{"_id": 1}`))
			require.NoError(t, d.insert("db.other", `{"_id": 3}`))
			reader, writer, fresh := d.session(), d.session(), d.session()
			for _, x := range []*txn.Txn{reader, writer} { // from here on they have a snapshot
				require.Empty(t, d.all(&x.View, "db.none"))
			}
			require.NoError(t, ddl(d))
			for range 2 {
				require.Equal(t, []string{"{ _id: 1 }"}, d.all(&reader.View, "db.c"))
				c, err := reader.Collection(d.ctx(), "db.c")
				require.NoError(t, err)
				_, _, found, err := reader.GetByID(d.ctx(), c, bsonx.Int32(1), nil)
				require.NoError(t, err)
				require.True(t, found, "by its index, too")
			}
			require.Empty(t, d.all(&reader.View, "db.d"))
			_, err := writer.ForWrite(d.ctx(), "db.c")
			requireCode(t, err, mongoerr.WriteConflict, "Unable to write to collection 'db.c' due to catalog changes; please retry the operation")
			_, err = fresh.ForWrite(d.ctx(), "db.c")
			require.NoError(t, err, "a transaction that has read nothing moves on")
		})
	}
}

func TestDDLWaitsForTransactions(t *testing.T) {
	d := open(t)
	require.NoError(t, d.insert("db.c", `{"_id": 1}`))
	reader := d.session()
	require.Len(t, d.all(&reader.View, "db.c"), 1)

	ctx, cancel := context.WithTimeout(d.ctx(), 20*time.Millisecond)
	defer cancel()
	_, err := d.BeginDDL(ctx, txn.Options{}, "db.c")
	require.ErrorIs(t, err, context.DeadlineExceeded)

	dropped := make(chan error)
	go func() { dropped <- d.drop("db.c") }()
	require.Eventually(t, func() bool {
		late := d.session()
		defer late.Rollback()
		_, err := late.Collection(d.ctx(), "db.c")
		return mongoerr.Is(err, mongoerr.LockTimeout)
	}, 5*time.Second, time.Millisecond, "others do not pass the waiting drop")
	require.Len(t, d.all(&reader.View, "db.c"), 1)
	reader.Rollback()
	require.NoError(t, <-dropped)
}

func TestIndexConflicts(t *testing.T) {
	d := open(t)
	require.NoError(t, d.index("db.c", `{"a": 1}`, ""))
	require.NoError(t, d.index("db.c", `{"t": 1}`, `{"expireAfterSeconds": 5}`))
	d.create("db.v", `{"viewOn": "c", "pipeline": []}`)
	d.create("db.capped", `{"capped": true, "size": 1000}`)
	spec := func(json string) bsonx.Doc { return doc(t, json) }
	for _, tc := range []struct {
		name  string
		ns    string
		specs []bsonx.Doc
		code  mongoerr.Code
		text  string
	}{
		{"other name", "db.c", []bsonx.Doc{spec(`{"key": {"a": 1}, "name": "x"}`)}, mongoerr.IndexOptionsConflict, "Index already exists with a different name: a_1"},
		{"other key", "db.c", []bsonx.Doc{spec(`{"key": {"b": 1}, "name": "a_1"}`)}, mongoerr.IndexKeySpecsConflict, "An existing index has the same name"},
		{"other uniqueness", "db.c", []bsonx.Doc{spec(`{"key": {"a": 1}, "name": "a_1", "unique": true}`)}, mongoerr.IndexKeySpecsConflict, "An existing index has the same name"},
		{"other expiry", "db.c", []bsonx.Doc{spec(`{"key": {"t": 1}, "name": "t_1", "expireAfterSeconds": 6}`)}, mongoerr.IndexOptionsConflict, "same name but different options"},
		{"twice", "db.c", []bsonx.Doc{spec(`{"key": {"z": 1}, "name": "z_1"}`), spec(`{"key": {"z": 1}, "name": "z_1"}`)}, mongoerr.IndexAlreadyExists, "Identical index already exists: z_1"},
		{"none", "db.c", nil, mongoerr.BadValue, "Must specify at least one index to create"},
		{"view", "db.v", []bsonx.Doc{spec(`{"key": {"a": 1}, "name": "a_1"}`)}, mongoerr.CommandNotSupportedOnView, "view"},
		{"filter", "db.c", []bsonx.Doc{spec(`{"key": {"p": 1}, "name": "p_1", "partialFilterExpression": {"a": {"$no": 1}}}`)}, mongoerr.CannotCreateIndex, "unsupported expression"},
		{"no name", "db.c", []bsonx.Doc{spec(`{"key": {"p": 1}}`)}, mongoerr.FailedToParse, "'name' field is a required property"},
		{"capped", "db.capped", []bsonx.Doc{spec(`{"key": {"p": 1}, "name": "p_1", "expireAfterSeconds": 1}`)}, mongoerr.CannotCreateIndex, "capped"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := d.CreateIndexes(d.ctx(), tc.ns, tc.specs, storage.Buffered)
			requireCode(t, err, tc.code, tc.text)
		})
	}
	res, err := d.CreateIndexes(d.ctx(), "db.c", []bsonx.Doc{spec(`{"key": {"a": 1}, "name": "a_1"}`), spec(`{"key": {"_id": 1}, "name": "_id_"}`)}, storage.Buffered)
	require.NoError(t, err)
	require.Equal(t, txn.IndexResult{Before: 3, After: 3, AllExist: true}, res)
	res, err = d.CreateIndexes(d.ctx(), "db.new", []bsonx.Doc{spec(`{"key": {"a": 1}, "name": "a_1"}`), spec(`{"key": {"a": 1}, "name": "sparse", "sparse": true}`)}, storage.Buffered)
	require.NoError(t, err)
	require.Equal(t, txn.IndexResult{Before: 1, After: 3, CreatedCollection: true}, res)
	var many []bsonx.Doc
	for i := range 62 {
		name := "k" + string(rune('A'+i/26)) + string(rune('a'+i%26))
		many = append(many, bsonx.NewBuilder(nil).Doc("key", bsonx.NewBuilder(nil).Int32(name, 1).Build()).String("name", name).Build())
	}
	_, err = d.CreateIndexes(d.ctx(), "db.new", many, storage.Buffered)
	requireCode(t, err, mongoerr.CannotCreateIndex, "add index fails, too many indexes for db.new")
}

func TestIndexesInSessionTransactions(t *testing.T) {
	d := open(t)
	require.NoError(t, d.index("db.old", `{"a": 1}`, ""))
	a, b := []bsonx.Doc{indexSpec(t, `{"a": 1}`, "")}, []bsonx.Doc{indexSpec(t, `{"b": 1}`, `{"unique": true}`)}

	x := d.session()
	res, err := x.CreateIndexes(d.ctx(), "db.old", a)
	require.NoError(t, err)
	require.True(t, res.AllExist)
	_, err = x.CreateIndexes(d.ctx(), "db.old", b)
	requireCode(t, err, mongoerr.OperationNotSupportedInTransaction, "Cannot create new indexes on existing collection db.old in a multi-document transaction.")

	res, err = x.CreateIndexes(d.ctx(), "db.new", a)
	require.NoError(t, err)
	require.Equal(t, txn.IndexResult{Before: 1, After: 2, CreatedCollection: true}, res)
	res, err = x.CreateIndexes(d.ctx(), "db.new", b)
	require.NoError(t, err)
	require.Equal(t, txn.IndexResult{Before: 2, After: 3}, res)
	_, err = x.Insert(d.ctx(), d.coll(x, "db.new"), doc(t, `{"_id": 1, "a": [1, 2], "b": 1}`))
	require.NoError(t, err)
	require.EqualValues(t, 1, x.Multikey(d.coll(x, "db.new").Index("a_1")), "own arrays count at once")
	_, err = x.Insert(d.ctx(), d.coll(x, "db.new"), doc(t, `{"_id": 2, "b": 1}`))
	requireCode(t, err, mongoerr.DuplicateKey, "index: b_1")
	_, err = x.CreateIndexes(d.ctx(), "db.new", []bsonx.Doc{indexSpec(t, `{"c": 1}`, "")})
	requireCode(t, err, mongoerr.OperationNotSupportedInTransaction, "non-empty collection")
	_, err = x.CreateCollection(d.ctx(), "db.v", doc(t, `{"viewOn": "old", "pipeline": []}`))
	requireCode(t, err, mongoerr.OperationNotSupportedInTransaction, "Cannot create a view")
	d.commit(x)
	d.requireValid("db.new")
	d.reopen()
	d.requireValid("db.new")
}

func TestDropIndexes(t *testing.T) {
	d := open(t)
	all := func() {
		for _, key := range []string{`{"a": 1}`, `{"b": 1}`, `{"c": -1}`} {
			require.NoError(t, d.index("db.c", key, ""))
		}
		require.NoError(t, d.index("db.c", `{"s": 1}`, ""))
	}
	all()
	_, err := d.CreateIndexes(d.ctx(), "db.c", []bsonx.Doc{doc(t, `{"key": {"s": 1}, "name": "other", "sparse": true}`)}, storage.Buffered)
	require.NoError(t, err)
	require.NoError(t, d.insert("db.c", `{"_id": 1, "a": 1}`))
	drop := func(which bsonx.Value) (int, error) {
		x, err := d.BeginDDL(d.ctx(), txn.Options{}, "db.c")
		require.NoError(t, err)
		defer x.Rollback()
		c, err := x.ForDDL(d.ctx(), "db.c")
		require.NoError(t, err)
		n, err := x.DropIndexes(d.ctx(), c, which)
		if err == nil {
			d.commit(x)
		}
		return n, err
	}
	for _, tc := range []struct {
		which bsonx.Value
		code  mongoerr.Code
		text  string
	}{
		{bsonx.String("nope"), mongoerr.IndexNotFound, "index not found with name [nope]"},
		{bsonx.String("_id_"), mongoerr.InvalidOptions, "cannot drop _id index"},
		{bsonx.Document(doc(t, `{"_id": 1}`)), mongoerr.InvalidOptions, "cannot drop _id index"},
		{bsonx.Document(doc(t, `{"x": 1}`)), mongoerr.IndexNotFound, "can't find index with key: { x: 1 }"},
		{bsonx.Document(doc(t, `{"s": 1}`)), mongoerr.AmbiguousIndexKeyPattern, "2 indexes found for key: { s: 1 }"},
		{bsonx.MakeArray(bsonx.String("a_1"), bsonx.String("nope")), mongoerr.IndexNotFound, "nope"},
		{bsonx.Int32(1), mongoerr.TypeMismatch, "wrong type 'int'"},
	} {
		_, err := drop(tc.which)
		requireCode(t, err, tc.code, tc.text)
	}
	id := d.Catalog.Current().Collection("db.c").Index("a_1").ID
	n, err := drop(bsonx.String("a_1"))
	require.NoError(t, err)
	require.Equal(t, 6, n)
	n, err = drop(bsonx.Document(doc(t, `{"c": -1.0}`)))
	require.NoError(t, err)
	require.Equal(t, 5, n)
	n, err = drop(bsonx.MakeArray(bsonx.String("b_1"), bsonx.String("b_1")))
	require.NoError(t, err)
	require.Equal(t, 4, n)
	require.NoError(t, d.Reclaim(d.ctx()))
	require.Zero(t, d.stored(layout.AppendIndexPrefix(nil, id)))
	n, err = drop(bsonx.String("*"))
	require.NoError(t, err)
	require.Equal(t, 3, n)
	n, err = drop(bsonx.String("*"))
	require.NoError(t, err)
	require.Equal(t, 1, n)
	d.requireValid("db.c")
}

func TestModify(t *testing.T) {
	d := open(t)
	require.NoError(t, d.index("db.c", `{"t": 1}`, `{"expireAfterSeconds": 5}`))
	require.NoError(t, d.insert("db.c", `{"_id": 1, "t": [1]}`))
	x, err := d.BeginDDL(d.ctx(), txn.Options{}, "db.c")
	require.NoError(t, err)
	c, err := x.ForDDL(d.ctx(), "db.c")
	require.NoError(t, err)
	seconds, hidden := int64(9), true
	_, err = x.Modify(d.ctx(), c, txn.Modification{
		Options: doc(t, `{"validator": {"a": 1}, "validationAction": "warn"}`),
		Indexes: []txn.IndexChange{{Name: "t_1", ExpireAfterSeconds: &seconds, Hidden: &hidden}},
	})
	require.NoError(t, err)
	for _, change := range []txn.IndexChange{{Name: "nope"}, {Name: "_id_", Hidden: &hidden}} {
		_, err = x.Modify(d.ctx(), c, txn.Modification{Indexes: []txn.IndexChange{change}})
		require.Error(t, err)
	}
	_, err = x.Modify(d.ctx(), c, txn.Modification{Options: doc(t, `{"capped": true, "size": 5}`)})
	requireCode(t, err, mongoerr.InvalidOptions, "kind of collection")
	d.commit(x)
	for range 2 {
		c = d.Catalog.Current().Collection("db.c")
		require.Equal(t, "warn", c.ValidationAction)
		require.Equal(t, "{ a: 1 }", c.Validator.String())
		require.True(t, c.Index("t_1").Hidden)
		require.EqualValues(t, 9, c.Index("t_1").ExpireAfter)
		require.EqualValues(t, 1, c.Index("t_1").Multikey())
		d.requireValid("db.c")
		d.reopen()
	}
}
