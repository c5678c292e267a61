package txn

import (
	"bytes"
	"context"
	"fmt"

	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/catalog"
	"github.com/tandemdb/tandem/internal/layout"
	"github.com/tandemdb/tandem/internal/mongoerr"
)

// Report is what Validate found out about a collection.
type Report struct {
	NS      string
	Records int64
	Bytes   int64 // of the documents
	Indexes []IndexReport

	// Errors are the first inconsistencies, at most reportErrors; none in a valid collection.
	Errors []string
}

// IndexReport is the part of a Report about one index.
type IndexReport struct {
	Name string
	Keys int64
}

// reportErrors bounds Report.Errors.
const reportErrors = 100

// Valid reports whether nothing is wrong.
func (r *Report) Valid() bool { return len(r.Errors) == 0 }

func (r *Report) failf(format string, args ...any) {
	if len(r.Errors) < reportErrors {
		r.Errors = append(r.Errors, fmt.Sprintf(format, args...))
	}
}

// Validate compares every index entry with every record, in both directions, and the counters
// with what they count. It waits for transactions that use the collection and keeps others
// out meanwhile.
func (s *Store) Validate(ctx context.Context, ns string) (Report, error) {
	rep := Report{NS: ns}
	l, err := s.Catalog.Locks.Acquire(ctx, ns, catalog.LockX, -1)
	if err != nil {
		return rep, err
	}
	defer l.Release()
	c := s.Catalog.Current().Collection(ns)
	switch {
	case c == nil:
		return rep, mongoerr.New(mongoerr.NamespaceNotFound, "Collection '%s' does not exist to validate.", ns)
	case c.IsView():
		return rep, mongoerr.New(mongoerr.CommandNotSupportedOnView, "Cannot validate a view")
	}
	r, err := s.Engine.Snapshot(ctx, 0)
	if err != nil {
		return rep, snapshotError(err)
	}
	defer r.Close()
	v := &validation{view: &View{store: s, reader: r}, coll: c, report: &rep}
	rep.Indexes = make([]IndexReport, len(c.Indexes))
	for i, x := range c.Indexes {
		rep.Indexes[i].Name = x.Name
	}
	if err := v.records(ctx); err != nil {
		return rep, err
	}
	for i := range c.Indexes {
		if err := v.entries(ctx, i); err != nil {
			return rep, err
		}
	}
	return rep, v.counters(ctx)
}

// validation is one run of Validate.
type validation struct {
	view   *View
	coll   *catalog.Collection
	report *Report
	keys   keySet
	buf    []byte
}

// records checks every record and that its index entries exist.
func (v *validation) records(ctx context.Context) error {
	it, err := v.view.Records(ctx, v.coll, RecordRange{})
	if err != nil {
		return err
	}
	defer it.Close()
	for n := 0; it.Next(); n++ {
		if n%1024 == 0 && ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err := v.record(ctx, it.RID(), it.Doc()); err != nil {
			return err
		}
	}
	return it.Close()
}

func (v *validation) record(ctx context.Context, rid []byte, doc bsonx.Doc) error {
	v.report.Records++
	v.report.Bytes += int64(len(doc))
	if err := bsonx.Validate(doc, bsonx.MaxDepth); err != nil {
		v.report.failf("record %x is no valid document: %v", rid, err)
		return nil
	}
	id := doc.Lookup("_id")
	if id.IsMissing() {
		v.report.failf("record %x has no _id", rid)
	}
	if v.coll.Clustered && !bytes.HasPrefix(rid, appendClusterID(nil, doc.Lookup(v.coll.ClusterField()))) {
		v.report.failf("record %x of _id %s is not stored at its %s", rid, bsonx.Format(id), v.coll.ClusterField())
	}
	if !v.coll.Clustered && layout.HeapID(rid) >= v.coll.State.Reserved.Load() {
		v.report.failf("record id %x has not been reserved", rid)
	}
	v.keys.reset()
	for i, x := range v.coll.Indexes {
		marks, err := v.keys.add(v.coll, i, x, rid, doc)
		if err != nil {
			v.report.failf("document %s can not be in index %s: %v", bsonx.Format(id), x.Name, err)
			return nil
		}
		if marks&^x.Marks() != 0 {
			v.report.failf("index %s is not known to have arrays or keys as long as those of document %s", x.Name, bsonx.Format(id))
		}
	}
	for i := range v.keys.entries {
		if err := v.entryExists(ctx, &v.keys.entries[i], id); err != nil {
			return err
		}
	}
	return nil
}

func (v *validation) entryExists(ctx context.Context, e *entry, id bsonx.Value) error {
	value, ok, err := v.view.reader.Get(ctx, v.keys.key(e), v.buf[:0])
	if err != nil {
		return storageError(err)
	}
	v.buf = value
	name := v.coll.Indexes[e.index].Name
	switch {
	case !ok:
		v.report.failf("index %s lacks the entry %x of document %s", name, v.keys.key(e), bsonx.Format(id))
	case !bytes.Equal(value, v.keys.value(e)):
		v.report.failf("index %s has %x instead of %x for document %s", name, value, v.keys.value(e), bsonx.Format(id))
	}
	return nil
}

// entries checks that every entry of an index belongs to a record.
func (v *validation) entries(ctx context.Context, pos int) error {
	x := v.coll.Indexes[pos]
	it, err := v.view.Entries(ctx, v.coll, x, nil, nil, false)
	if err != nil {
		return err
	}
	defer it.Close()
	for it.Next() {
		n := &v.report.Indexes[pos].Keys
		if *n%1024 == 0 && ctx.Err() != nil {
			return context.Cause(ctx)
		}
		*n++
		doc, ok, err := v.view.Get(ctx, v.coll, it.RID(), v.buf[:0])
		if err != nil {
			return err
		}
		if !ok {
			v.report.failf("index %s has entry %x of record %x, which does not exist", x.Name, it.Key(), it.RID())
			continue
		}
		v.buf = doc
		if !v.belongs(pos, it, doc) {
			v.report.failf("index %s has entry %x of record %x, whose document does not have it", x.Name, it.Key(), it.RID())
		}
	}
	return it.Close()
}

func (v *validation) belongs(pos int, it *EntryIter, doc bsonx.Doc) bool {
	v.keys.reset()
	if _, err := v.keys.add(v.coll, pos, v.coll.Indexes[pos], it.RID(), doc); err != nil {
		return false
	}
	for i := range v.keys.entries {
		if bytes.Equal(v.keys.fields(&v.keys.entries[i]), it.Key()) {
			return true
		}
	}
	return false
}

func (v *validation) counters(ctx context.Context) error {
	records, err := v.view.store.Count(ctx, v.coll)
	if err != nil {
		return storageError(err)
	}
	size, err := v.view.store.DataSize(ctx, v.coll)
	if err != nil {
		return storageError(err)
	}
	if records != v.report.Records {
		v.report.failf("the counter says %d documents, there are %d", records, v.report.Records)
	}
	if size != v.report.Bytes {
		v.report.failf("the counter says %d bytes, there are %d", size, v.report.Bytes)
	}
	return nil
}
