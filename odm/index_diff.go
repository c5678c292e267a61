package odm

import (
	"bytes"
	"context"
	"slices"
	"strconv"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
)

// IndexDiff is how the collection's indexes and the schema's differ, by name.
type IndexDiff struct{ ToDrop, ToCreate []string }

// DiffIndexes compares the collection's indexes with the schema's.
func (m *Model[T]) DiffIndexes(ctx context.Context) (*IndexDiff, error) {
	client, err := m.client(ctx)
	if err != nil {
		return nil, err
	}
	cur, err := m.collection(client).Indexes().List(WithoutSession(ctx))
	if err != nil {
		return nil, wrapDriver(m.name, "listIndexes", err)
	}
	var have []bson.Raw
	if err := cur.All(ctx, &have); err != nil {
		return nil, wrapDriver(m.name, "listIndexes", err)
	}
	diff := &IndexDiff{}
	want := map[string]indexShape{}
	for _, im := range m.Indexes() {
		shape, err := wantedShape(im)
		if err != nil {
			return nil, &OpError{Model: m.name, Op: "diffIndexes", cause: err}
		}
		want[shape.name] = shape
	}
	there := map[string]bool{}
	for _, raw := range have {
		name, _ := raw.Lookup("name").StringValueOK()
		if name == "_id_" {
			continue
		}
		if shape, ok := want[name]; ok && shape.sameAs(raw) {
			there[name] = true
			continue
		}
		diff.ToDrop = append(diff.ToDrop, name)
	}
	for name := range want {
		if !there[name] {
			diff.ToCreate = append(diff.ToCreate, name)
		}
	}
	slices.Sort(diff.ToCreate)
	return diff, nil
}

// indexShape is what makes an index another one.
type indexShape struct {
	name string
	keys string
	opts options.IndexOptions
}

// wantedShape returns the shape of an index that the schema asks for.
func wantedShape(im mongo.IndexModel) (indexShape, error) {
	var s indexShape
	if im.Options != nil {
		for _, set := range im.Options.List() {
			if err := set(&s.opts); err != nil {
				return s, err
			}
		}
	}
	keys, err := toRaw(im.Keys)
	if err != nil {
		return s, err
	}
	s.keys = keysText(keys)
	s.name = s.keys
	if s.opts.Name != nil {
		s.name = *s.opts.Name
	}
	return s, nil
}

// keysText writes the keys of an index as its default name does.
func keysText(keys bson.Raw) string {
	var parts []string
	for _, e := range listElements(keys) {
		text, isText := e.v.StringValueOK()
		if n, ok := e.v.AsInt64OK(); ok {
			text = strconv.FormatInt(n, 10)
		} else if !isText {
			text = e.v.String()
		}
		parts = append(parts, e.key, text)
	}
	return strings.Join(parts, "_")
}

// sameAs compares the shape with an index that the server has.
func (s *indexShape) sameAs(raw bson.Raw) bool {
	keys, _ := lookup(raw, "key").DocumentOK()
	unique, _ := lookup(raw, "unique").BooleanOK()
	sparse, _ := lookup(raw, "sparse").BooleanOK()
	expires, expiring := lookup(raw, "expireAfterSeconds").AsInt64OK()
	o := &s.opts
	return s.keys == keysText(keys) && unique == yes(o.Unique) && sparse == yes(o.Sparse) &&
		expiring == (o.ExpireAfterSeconds != nil) && (!expiring || expires == int64(*o.ExpireAfterSeconds)) &&
		s.samePartial(lookup(raw, "partialFilterExpression")) && s.sameCollation(lookup(raw, "collation"))
}

func (s *indexShape) samePartial(stored bson.RawValue) bool {
	if s.opts.PartialFilterExpression == nil {
		return stored.Type == 0
	}
	want, err := toRaw(s.opts.PartialFilterExpression)
	return err == nil && bytes.Equal(want, stored.Value)
}

// sameCollation compares what the schema sets; the server stores its defaults as well.
func (s *indexShape) sameCollation(stored bson.RawValue) bool {
	want := s.opts.Collation
	if want == nil {
		return stored.Type == 0
	}
	doc, err := toRaw(want)
	if err != nil || stored.Type != bson.TypeEmbeddedDocument {
		return false
	}
	for _, e := range listElements(doc) {
		have, _ := findElement(stored.Value, []byte(e.key))
		if n, ok := e.v.AsInt64OK(); ok {
			if m, _ := have.AsInt64OK(); m != n {
				return false
			}
		} else if !equalValues(have, e.v) {
			return false
		}
	}
	return true
}

func yes(b *bool) bool { return b != nil && *b }

// SyncIndexes creates the collection, drops indexes that the schema lacks, never that of
// _id, and creates those that are missing. It returns the names of the dropped ones.
func (m *Model[T]) SyncIndexes(ctx context.Context) ([]string, error) {
	if err := m.CreateCollection(ctx); err != nil {
		return nil, err
	}
	diff, err := m.DiffIndexes(ctx)
	if err != nil {
		return nil, err
	}
	for _, name := range diff.ToDrop {
		if err := m.Collection().Indexes().DropOne(WithoutSession(ctx), name); err != nil {
			return nil, wrapDriver(m.name, "dropIndexes", err)
		}
	}
	return diff.ToDrop, m.EnsureIndexes(ctx)
}
