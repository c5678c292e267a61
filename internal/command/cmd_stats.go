package command

import (
	"context"

	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/catalog"
	"github.com/tandemdb/tandem/internal/mongoerr"
)

// scale reads the scale option: what sizes are divided by.
func (c *Call) scale() (int64, error) {
	v := c.Arg("scale")
	if v.IsMissing() {
		return 1, nil
	}
	n, _ := integer(v)
	if v.Type == bsonx.TypeDouble {
		n = int64(v.Double())
	}
	if n <= 0 {
		return 0, mongoerr.New(51024, "BSON field 'scale' value must be >= 1, actual value '%d'", n)
	}
	return n, nil
}

// cmdCollStats describes the size of a collection.
func cmdCollStats(ctx context.Context, c *Call) error {
	scale, err := c.scale()
	if err != nil {
		return err
	}
	coll := c.collection()
	if err := c.notOnView(coll); err != nil {
		return err
	}
	c.Reply.String("ns", c.ns)
	return c.AppendCollStats(ctx, c.Reply, coll, scale)
}

// AppendCollStats appends the figures of collStats, divided by scale. coll is nil for a collection
// that does not exist.
func (c *Call) AppendCollStats(ctx context.Context, b *bsonx.Builder, coll *catalog.Collection, scale int64) error {
	if coll == nil {
		b.Int32("size", 0).Int32("count", 0).Int32("numOrphanDocs", 0).Int32("storageSize", 0).Int32("totalSize", 0).
			Int32("nindexes", 0).Int32("totalIndexSize", 0).StartDoc("indexDetails").End().
			StartDoc("indexSizes").End().Int32("scaleFactor", int32(scale))
		return nil
	}
	s, err := c.collSizes(ctx, coll)
	if err != nil {
		return err
	}
	b.Int64("size", s.data/scale).Int64("count", s.count)
	if s.count > 0 {
		b.Int64("avgObjSize", s.data/s.count)
	}
	b.Int64("numOrphanDocs", 0).
		Int64("storageSize", s.storage/scale).
		Int64("freeStorageSize", 0).
		Bool("capped", coll.Capped)
	if coll.Capped {
		b.Int64("max", coll.CappedMax).Int64("maxSize", coll.CappedSize/scale)
	}
	b.Int32("nindexes", int32(len(coll.Indexes))).
		StartArray("indexBuilds").End().
		Int64("totalIndexSize", s.indexTotal/scale).
		Int64("totalSize", (s.storage+s.indexTotal)/scale).
		StartDoc("indexSizes")
	for i, x := range coll.Indexes {
		b.Int64(x.Name, s.index[i]/scale)
	}
	b.End().Int32("scaleFactor", int32(scale))
	return nil
}

// cmdDBStats describes the size of a database.
func cmdDBStats(ctx context.Context, c *Call) error {
	scale, err := c.scale()
	if err != nil {
		return err
	}
	var colls, views, indexes, objects, data, storage, index int64
	for _, coll := range c.Store().Catalog.Current().Database(c.DB) {
		if coll.IsView() {
			views++
			continue
		}
		s, err := c.collSizes(ctx, coll)
		if err != nil {
			return err
		}
		colls++
		indexes += int64(len(coll.Indexes))
		objects += s.count
		data += s.data
		storage += s.storage
		index += s.indexTotal
	}
	avg := 0.0
	if objects > 0 {
		avg = float64(data) / float64(objects)
	}
	free, total := diskSpace(c.Service.cfg.DataDir)
	by := float64(scale)
	c.Reply.String("db", c.DB).
		Int64("collections", colls).
		Int64("views", views).
		Int64("objects", objects).
		Double("avgObjSize", avg).
		Double("dataSize", float64(data)/by).
		Double("storageSize", float64(storage)/by).
		Int64("indexes", indexes).
		Double("indexSize", float64(index)/by).
		Double("totalSize", float64(storage+index)/by).
		Int64("scaleFactor", scale).
		Double("fsUsedSize", float64(total-free)/by).
		Double("fsTotalSize", float64(total)/by)
	return nil
}

// cmdDataSize returns the size of a collection's documents.
func cmdDataSize(ctx context.Context, c *Call) error {
	for _, name := range []string{"keyPattern", "min", "max"} {
		if !c.Arg(name).IsMissing() {
			return mongoerr.New(mongoerr.NotImplemented, "dataSize: '%s' is not supported", name)
		}
	}
	var s sizes
	if coll := c.collection(); coll != nil {
		var err error
		if s, err = c.collSizes(ctx, coll); err != nil {
			return err
		}
	}
	c.Reply.Bool("estimate", false).Int64("size", s.data).Int64("numObjects", s.count).Int32("millis", 0)
	return nil
}
