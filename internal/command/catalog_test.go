package command_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"
)

// d builds a document of alternating keys and values.
func d(kv ...any) bson.D {
	doc := make(bson.D, 0, len(kv)/2)
	for i := 0; i < len(kv); i += 2 {
		doc = append(doc, bson.E{Key: kv[i].(string), Value: kv[i+1]})
	}
	return doc
}

func batch(r reply) []bson.Raw {
	vals, err := r.Lookup("cursor", "firstBatch").Array().Values()
	require.NoError(r.t, err)
	docs := make([]bson.Raw, len(vals))
	for i, v := range vals {
		docs[i] = v.Document()
	}
	return docs
}

func names(r reply) []string {
	var all []string
	for _, doc := range batch(r) {
		all = append(all, doc.Lookup("name").StringValue())
	}
	return all
}

func TestCreateListAndDropCollections(t *testing.T) {
	c := newServer(t).connect()
	c.run("db", d("create", "b")).ok()
	c.run("db", d("create", "a", "capped", true, "size", 4096)).ok()
	c.run("db", d("create", "v", "viewOn", "a", "pipeline", bson.A{d("$limit", 3)})).ok()
	c.run("db", d("create", "b")).ok()
	c.run("db", d("create", "b", "capped", true, "size", 4096)).fails(48)
	c.run("db", d("create", "c", "capped", true)).fails(72)
	c.run("db", d("create", "c", "nonsense", 1)).fails(40415)
	c.run("db", d("create", "c", "size", "x")).fails(14)
	c.run("db", d("create", "c", "validator", d("$nope", 1))).fails(2)
	c.run("db", d("create", "a$b")).fails(73)
	c.run("db", d("create", "system.x")).fails(73)

	r := c.run("db", d("listCollections", 1)).ok()
	require.Equal(t, []string{"a", "b", "v"}, names(r))
	require.Equal(t, "db.$cmd.listCollections", r.Lookup("cursor", "ns").StringValue())
	require.EqualValues(t, 0, r.int("cursor.id"))
	first := batch(r)[0]
	require.True(t, first.Lookup("options", "capped").Boolean())
	require.Equal(t, "_id_", first.Lookup("idIndex", "name").StringValue())
	require.Equal(t, "view", batch(r)[2].Lookup("type").StringValue())

	r = c.run("db", d("listCollections", 1, "nameOnly", true, "filter", d("name", d("$in", bson.A{"b", "v"})))).ok()
	require.Equal(t, []string{"b", "v"}, names(r))
	require.Len(t, mustElements(t, batch(r)[0]), 2)
	r = c.run("db", d("listCollections", 1, "cursor", d("batchSize", 1))).ok()
	require.Equal(t, []string{"a"}, names(r))
	require.NotEqualValues(t, 0, r.int("cursor.id"))

	c.run("db", d("listDatabases", 1)).fails(13)

	r = c.run("db", d("drop", "a")).ok()
	require.EqualValues(t, 1, r.int("nIndexesWas"))
	require.Equal(t, "db.a", r.Lookup("ns").StringValue())
	require.False(t, c.run("db", d("drop", "a")).ok().has("ns"))
	r = c.run("db", d("dropDatabase", 1)).ok()
	require.Equal(t, "db", r.Lookup("dropped").StringValue())
	require.False(t, c.run("db", d("dropDatabase", 1)).ok().has("dropped"))
	require.Empty(t, names(c.run("db", d("listCollections", 1)).ok()))
}

func mustElements(t *testing.T, doc bson.Raw) []bson.RawElement {
	els, err := doc.Elements()
	require.NoError(t, err)
	return els
}

func TestIndexCommands(t *testing.T) {
	c := newServer(t).connect()
	index := func(name string, more ...any) bson.D {
		return append(d("key", d(name, 1), "name", name+"_1"), d(more...)...)
	}
	r := c.run("db", d("createIndexes", "c", "indexes", bson.A{index("a"), index("b", "unique", true)})).ok()
	require.EqualValues(t, 1, r.int("numIndexesBefore"))
	require.EqualValues(t, 3, r.int("numIndexesAfter"))
	require.True(t, r.Lookup("createdCollectionAutomatically").Boolean())
	r = c.run("db", d("createIndexes", "c", "indexes", bson.A{index("a")})).ok()
	require.Equal(t, "all indexes already exist", r.Lookup("note").StringValue())
	c.run("db", d("createIndexes", "c", "indexes", bson.A{})).fails(2)
	c.run("db", d("createIndexes", "c")).fails(40414)
	require.Equal(t, []string{"_id_", "a_1", "b_1"}, names(c.run("db", d("listIndexes", "c")).ok()))
	c.run("db", d("listIndexes", "nope")).fails(26)

	r = c.run("db", d("collMod", "c", "index", d("name", "a_1", "expireAfterSeconds", 50, "hidden", true))).ok()
	require.EqualValues(t, 50, r.int("expireAfterSeconds_new"))
	require.True(t, r.Lookup("hidden_new").Boolean())
	c.run("db", d("collMod", "c", "index", d("name", "zz", "hidden", true))).fails(27)
	c.run("db", d("collMod", "nope")).fails(26)

	require.EqualValues(t, 3, c.run("db", d("dropIndexes", "c", "index", "a_1")).ok().int("nIndexesWas"))
	c.run("db", d("dropIndexes", "c", "index", "a_1")).fails(27)
	c.run("db", d("dropIndexes", "c", "index", "_id_")).fails(72)
	c.run("db", d("deleteIndexes", "c", "index", "*")).ok()
	require.Equal(t, []string{"_id_"}, names(c.run("db", d("listIndexes", "c")).ok()))
}

func TestRenameAndStats(t *testing.T) {
	c := newServer(t).connect()
	c.run("db", d("create", "a")).ok()
	c.run("db", d("create", "b")).ok()
	c.run("admin", d("renameCollection", "db.a", "to", "db.b")).fails(48)
	c.run("admin", d("renameCollection", "db.zz", "to", "db.y")).fails(26)
	c.run("db", d("renameCollection", "db.a", "to", "db.y")).fails(13)
	c.run("admin", d("renameCollection", "db.a", "to", "db.b", "dropTarget", true)).ok()
	c.run("admin", d("renameCollection", "db.b", "to", "other.c")).ok()
	require.Equal(t, []string{"c"}, names(c.run("other", d("listCollections", 1)).ok()))

	r := c.run("other", d("collStats", "c")).ok()
	require.EqualValues(t, 0, r.int("count"))
	require.EqualValues(t, 1, r.int("nindexes"))
	require.EqualValues(t, 1, c.run("other", d("dbStats", 1)).ok().int("collections"))
	require.EqualValues(t, 0, c.run("other", d("dataSize", "other.c")).ok().int("numObjects"))
}

func TestCollectionUUID(t *testing.T) {
	c := newServer(t).connect()
	c.run("db", d("create", "c")).ok()
	stale := batch(c.run("db", d("listCollections", 1)).ok())[0].Lookup("info", "uuid")
	c.run("db", d("drop", "c")).ok()
	c.run("db", d("create", "c")).ok()
	now := batch(c.run("db", d("listCollections", 1)).ok())[0].Lookup("info", "uuid")
	for _, cmd := range []bson.D{
		d("find", "c"), d("aggregate", "c", "pipeline", bson.A{}, "cursor", d()), d("count", "c"), d("distinct", "c", "key", "x"),
		d("insert", "c", "documents", bson.A{d("x", 1)}), d("delete", "c", "deletes", bson.A{d("q", d(), "limit", 1)}),
		d("update", "c", "updates", bson.A{d("q", d(), "u", d("$set", d("x", 1)))}),
		d("findAndModify", "c", "query", d(), "remove", true),
	} {
		t.Run(cmd[0].Key, func(t *testing.T) {
			r := c.run("db", fields(cmd, "collectionUUID", stale))
			require.EqualValues(t, 361, anyCode(r), "%s", r.Raw)
			require.Zero(t, anyCode(c.run("db", fields(cmd, "collectionUUID", now)).ok()))
		})
	}
	bulk := d("bulkWrite", 1, "ordered", false, "ops", bson.A{d("insert", 0, "document", d("_id", 1)), d("insert", 1, "document", d("_id", 2))},
		"nsInfo", bson.A{d("ns", "db.c", "collectionUUID", stale), d("ns", "db.c", "collectionUUID", now)})
	r := c.run("admin", bulk).ok()
	require.EqualValues(t, 1, r.int("nInserted"))
	require.EqualValues(t, 361, batch(r)[0].Lookup("code").Int32())
	c.run("db", d("drop", "c", "collectionUUID", stale)).fails(361)
	c.run("db", d("drop", "c", "collectionUUID", now)).ok()
}
