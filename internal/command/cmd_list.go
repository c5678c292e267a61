package command

import (
	"context"
	"slices"
	"strings"

	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/catalog"
	"github.com/tandemdb/tandem/internal/layout"
	"github.com/tandemdb/tandem/internal/storage"
)

// cmdListCollections lists the collections and views of a database.
func cmdListCollections(_ context.Context, c *Call) error {
	filter, err := c.listFilter()
	if err != nil {
		return err
	}
	nameOnly := c.Arg("nameOnly").Truthy()
	var docs []bsonx.Doc
	for _, coll := range c.Store().Catalog.Current().Database(c.DB) {
		d := describe(coll, nameOnly && filter.f == nil)
		ok, err := filter.match(d)
		if err != nil {
			return err
		}
		if !ok {
			continue
		}
		if nameOnly {
			d = describe(coll, true)
		}
		docs = append(docs, d)
	}
	return c.replyList(c.DB+".$cmd.listCollections", docs)
}

// describe is a collection as listCollections shows it.
func describe(coll *catalog.Collection, nameOnly bool) bsonx.Doc {
	b := bsonx.NewBuilder(nil).String("name", coll.Name())
	kind := "collection"
	switch {
	case coll.IsView():
		kind = "view"
	case coll.TimeSeries != nil:
		kind = "timeseries"
	}
	b.String("type", kind)
	if nameOnly {
		return b.Build()
	}
	b.Doc("options", coll.Options).StartDoc("info").Bool("readOnly", coll.IsView())
	if !coll.IsView() && coll.TimeSeries == nil {
		b.Value("uuid", bsonx.Binary(4, coll.UUID[:]))
	}
	b.End()
	if x := coll.IDIndex(); x != nil {
		b.Doc("idIndex", x.Spec)
	}
	return b.Build()
}

// cmdListDatabases lists the databases: those of every server, and others as long as they have
// collections.
func cmdListDatabases(ctx context.Context, c *Call) error {
	filter, err := c.listFilter()
	if err != nil {
		return err
	}
	nameOnly := c.Arg("nameOnly").Truthy()
	total := int64(0)
	b := c.Reply.StartArray("databases")
	n := 0
	for _, db := range withSystemDatabases(databases(c.Store().Catalog.Current())) {
		size, err := c.diskSize(ctx, db.colls)
		if err != nil {
			return err
		}
		d := bsonx.NewBuilder(nil).String("name", db.name).Int64("sizeOnDisk", size).Bool("empty", len(db.colls) == 0).Build()
		ok, err := filter.match(d)
		if err != nil {
			return err
		}
		if !ok {
			continue
		}
		if nameOnly {
			d = bsonx.NewBuilder(nil).String("name", db.name).Build()
		}
		*b.Buffer() = bsonx.AppendIndexElem(*b.Buffer(), n, bsonx.Document(d))
		n++
		total += size
	}
	b.End()
	if !nameOnly {
		b.Int64("totalSize", total).Int64("totalSizeMb", total>>20)
	}
	return nil
}

// database is a database and what is in it.
type database struct {
	name  string
	colls []*catalog.Collection
}

// databases groups the collections of a snapshot by database, ordered by name.
func databases(s *catalog.Snapshot) []database {
	var dbs []database
	for _, coll := range s.All() {
		db := coll.DB()
		if len(dbs) == 0 || dbs[len(dbs)-1].name != db {
			dbs = append(dbs, database{name: db})
		}
		last := &dbs[len(dbs)-1]
		last.colls = append(last.colls, coll)
	}
	return dbs
}

// withSystemDatabases adds the databases that every server has, where they have no collections.
func withSystemDatabases(dbs []database) []database {
	for _, name := range [...]string{"admin", "config", "local"} {
		i, found := slices.BinarySearchFunc(dbs, name, func(db database, name string) int { return strings.Compare(db.name, name) })
		if !found {
			dbs = slices.Insert(dbs, i, database{name: name})
		}
	}
	return dbs
}

// diskSize estimates what collections and their indexes take on disk.
func (c *Call) diskSize(ctx context.Context, colls []*catalog.Collection) (int64, error) {
	total := int64(0)
	for _, coll := range colls {
		size, err := c.collSizes(ctx, coll)
		if err != nil {
			return 0, err
		}
		total += size.storage + size.indexTotal
	}
	return total, nil
}

// sizes are the figures of one collection.
type sizes struct {
	count, data, storage int64
	index                []int64
	indexTotal           int64
}

// pageBytes is the least that a collection or index is said to take.
const pageBytes = 4096

func (c *Call) collSizes(ctx context.Context, coll *catalog.Collection) (s sizes, err error) {
	if coll.IsView() {
		return s, nil
	}
	if s.count, err = c.Store().Count(ctx, coll); err != nil {
		return s, err
	}
	if s.data, err = c.Store().DataSize(ctx, coll); err != nil {
		return s, err
	}
	if s.storage, err = c.rangeSize(layout.AppendRecordPrefix(nil, coll.ID), s.data); err != nil {
		return s, err
	}
	for _, x := range coll.Indexes {
		n, err := c.rangeSize(layout.AppendIndexPrefix(nil, x.ID), s.count*16)
		if err != nil {
			return s, err
		}
		s.index = append(s.index, n)
		s.indexTotal += n
	}
	return s, nil
}

// rangeSize estimates the size of the range that begins with prefix; an engine that cannot takes
// the guess.
func (c *Call) rangeSize(prefix []byte, guess int64) (int64, error) {
	e, ok := c.Store().Engine.(storage.SizeEstimator)
	if !ok {
		return max(guess, pageBytes), nil
	}
	n, err := e.EstimateSize(prefix, layout.RangeEnd(prefix))
	return max(n, pageBytes), err
}
