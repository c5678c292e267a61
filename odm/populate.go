package odm

import (
	"context"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// PopulateError says why a path cannot be populated.
type PopulateError struct {
	Model  string
	Path   string
	Reason string
}

func (e *PopulateError) Error() string {
	return fmt.Sprintf("odm: %s: cannot populate path %q: %s", e.Model, e.Path, e.Reason)
}

// popSpec is one path to populate.
type popSpec struct {
	path        string
	match       any
	sel         []string
	sort        []string
	limit       int64
	dropMissing bool
	from        anyModel
	nested      []*popSpec
	sess        *Session
	sessSet     bool
}

// PopulateOption is an option of one populated path.
type PopulateOption func(*popSpec)

// PopMatch loads only documents that match; the others count as missing.
func PopMatch(filter any) PopulateOption { return func(s *popSpec) { s.match = filter } }

// PopSelect loads these paths only.
func PopSelect(paths ...string) PopulateOption { return func(s *popSpec) { s.sel = paths } }

// PopSort orders the documents of a virtual reference.
func PopSort(paths ...string) PopulateOption { return func(s *popSpec) { s.sort = paths } }

// PopLimit is how many documents a virtual reference holds at most, for each document.
func PopLimit(n int64) PopulateOption { return func(s *popSpec) { s.limit = n } }

// PopDropMissing removes references from an array whose documents do not exist.
func PopDropMissing() PopulateOption { return func(s *popSpec) { s.dropMissing = true } }

// PopFrom names the model, which may be one of another connection.
func PopFrom[T any](m *Model[T]) PopulateOption { return func(s *popSpec) { s.from = m } }

// PopSession loads in another session than the query's; nil outside of any.
func PopSession(sess *Session) PopulateOption {
	return func(s *popSpec) { s.sess, s.sessSet = sess, true }
}

// PopNested populates a path of the documents that are loaded.
func PopNested(path string, opts ...PopulateOption) PopulateOption {
	return func(s *popSpec) { s.nested = append(s.nested, newPopSpec(path, opts)) }
}

func newPopSpec(path string, opts []PopulateOption) *popSpec {
	s := &popSpec{path: path}
	for _, o := range opts {
		o(s)
	}
	return s
}

// Populate loads the documents that a path refers to, by one query for all. Of one path the
// last call counts. "author.company" populates company in the documents of author.
func (q *Query[T]) Populate(path string, opts ...PopulateOption) *Query[T] {
	for i, s := range q.populate {
		if s.path == path {
			q.populate[i] = newPopSpec(path, opts)
			return q
		}
	}
	q.populate = append(q.populate, newPopSpec(path, opts))
	return q
}

// Populate loads the documents that a path of the document refers to.
func (d *Doc[T]) Populate(ctx context.Context, path string, opts ...PopulateOption) error {
	st, r, unlock, err := d.begin(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	return st.model.populateAll(r, []*T{st.val}, []*popSpec{newPopSpec(path, opts)})
}

// Populated tells whether the path was populated.
func (d *Doc[T]) Populated(path string) bool {
	st, err := d.state()
	if err != nil {
		return false
	}
	_, ok := st.populated[path]
	return ok
}

// Depopulate forgets the documents of a path.
func (d *Doc[T]) Depopulate(path string) error {
	st, err := d.state()
	if err != nil {
		return err
	}
	f := st.model.table.find(path)
	if f == nil || f.leaf().kind != kindRef {
		return &PopulateError{Model: st.model.name, Path: path, Reason: "it is no reference"}
	}
	for _, ref := range refsAt(reflect.ValueOf(st.val).Elem(), st.model.table, path) {
		ref.fill(nil)
	}
	populated := map[string]bson.RawValue{}
	for p, v := range st.populated {
		if p != path {
			populated[p] = v
		}
	}
	st.populated = populated
	return nil
}

// popSource is a model as populate sees it.
type popSource interface {
	anyModel
	fetch(ctx context.Context, filter any, s *popSpec) ([]any, error)
	keyOf(doc any, path string) (bson.RawValue, error)
	keysOf(doc any, path string) ([]bson.RawValue, error)
}

// fetch finds documents for populate.
func (m *Model[T]) fetch(ctx context.Context, filter any, s *popSpec) ([]any, error) {
	q := m.Query(filter).Select(s.sel...).Sort(s.sort...)
	if s.match != nil {
		q.Filter(s.match)
	}
	if s.sessSet {
		q.Session(s.sess)
	}
	q.populate = s.nested
	docs, err := q.All(ctx)
	out := make([]any, len(docs))
	for i, d := range docs {
		out[i] = d
	}
	return out, err
}

// keyOf returns the value of a path in a loaded document.
func (m *Model[T]) keyOf(doc any, path string) (bson.RawValue, error) {
	raw, err := m.encode(doc.(*T))
	if err != nil {
		return bson.RawValue{}, err
	}
	return lookup(raw, path), nil
}

// keysOf is keyOf with the elements of an array one by one.
func (m *Model[T]) keysOf(doc any, path string) ([]bson.RawValue, error) {
	v, err := m.keyOf(doc, path)
	if err == nil && v.Type == bson.TypeArray {
		return arrayElements(v)
	}
	return []bson.RawValue{v}, err
}

// populateAll populates the paths of loaded documents.
func (m *Model[T]) populateAll(r route, docs []*T, specs []*popSpec) error {
	if len(docs) == 0 {
		return nil
	}
	for _, s := range specs {
		if err := m.populateOne(r, docs, s); err != nil {
			return err
		}
	}
	return nil
}

func (m *Model[T]) populateOne(r route, docs []*T, s *popSpec) error {
	f := m.table.find(s.path)
	for i := len(s.path) - 1; f == nil && i > 0; i-- { // the rest of the path is in the documents referred to
		if s.path[i] == '.' {
			if f = m.table.find(s.path[:i]); f != nil && f.leaf().kind == kindRef {
				outer := &popSpec{path: s.path[:i], from: nil, nested: []*popSpec{nestedSpec(s, s.path[i+1:])}}
				return m.populateOne(r, docs, outer)
			}
		}
	}
	if f != nil && f.leaf().kind == kindRef {
		if head := m.refPrefix(s.path); head != s.path {
			outer := &popSpec{path: head, nested: []*popSpec{nestedSpec(s, s.path[len(head)+1:])}}
			return m.populateOne(r, docs, outer)
		}
		return m.populateRefs(r, docs, s, f)
	}
	for _, many := range m.table.many {
		if many.name == s.path {
			return m.populateMany(r, docs, s, many)
		}
	}
	if f == nil {
		return &StrictError{Model: m.name, Path: s.path, Where: "populate"}
	}
	return &PopulateError{Model: m.name, Path: s.path, Reason: "it is no reference"}
}

func nestedSpec(s *popSpec, path string) *popSpec {
	inner := *s
	inner.path = path
	return &inner
}

// refPrefix returns the shortest prefix of a path that is a reference.
func (m *Model[T]) refPrefix(path string) string {
	for i := range len(path) {
		if path[i] != '.' {
			continue
		}
		if f := m.table.find(path[:i]); f != nil && f.leaf().kind == kindRef {
			return path[:i]
		}
	}
	return path
}

func (m *Model[T]) sourceFor(s *popSpec, t reflect.Type) (popSource, error) {
	model := s.from
	if model == nil {
		m.conn.mu.Lock()
		model = m.conn.byType[t]
		m.conn.mu.Unlock()
	}
	src, ok := model.(popSource)
	if !ok {
		return nil, &PopulateError{Model: m.name, Path: s.path, Reason: "no model of " + t.Name() + " is defined on the connection; use PopFrom"}
	}
	return src, nil
}

func (m *Model[T]) populateRefs(r route, docs []*T, s *popSpec, f *field) error {
	var refs []populator
	for _, d := range docs {
		refs = append(refs, refsAt(reflect.ValueOf(d).Elem(), m.table, s.path)...)
	}
	var ids []bson.RawValue
	seen := map[string]bool{}
	for _, ref := range refs {
		id, err := refID(ref)
		if err != nil {
			return err
		}
		if !ref.IsZero() && !seen[rawKey(id)] {
			seen[rawKey(id)] = true
			ids = append(ids, id)
		}
	}
	leaf := f.leaf()
	src, err := m.sourceFor(s, reflect.Zero(valueType(leaf.typ)).Interface().(referrer).target())
	if err != nil {
		return err
	}
	found := map[string]any{}
	if len(ids) > 0 {
		loaded, err := src.fetch(r.ctx, bson.D{{Key: "_id", Value: bson.D{{Key: "$in", Value: ids}}}}, s)
		if err != nil {
			return err
		}
		for _, doc := range loaded {
			id, err := src.keyOf(doc, "_id")
			if err != nil {
				return err
			}
			found[rawKey(id)] = doc
		}
	}
	for _, ref := range refs {
		id, err := refID(ref)
		if err != nil {
			return err
		}
		ref.fill(found[rawKey(id)])
	}
	for _, d := range docs {
		if s.dropMissing && f.kind == kindSlice {
			dropMissing(reflect.ValueOf(d).Elem(), m.table, s.path)
		}
		m.notePopulated(d, s.path)
	}
	return nil
}

func (m *Model[T]) notePopulated(d *T, path string) {
	st := m.docOf(d).s
	if st == nil {
		return
	}
	populated := map[string]bson.RawValue{path: {}}
	maps.Copy(populated, st.populated)
	st.populated = populated
}

func rawKey(v bson.RawValue) string { return string(rune(v.Type)) + string(v.Value) }

func refID(ref referrer) (bson.RawValue, error) {
	t, data, err := ref.MarshalBSONValue()
	return bson.RawValue{Type: bson.Type(t), Value: data}, err
}

// refsAt returns the references at a path, through arrays and sub-documents.
func refsAt(v reflect.Value, set *pathSet, path string) []populator {
	name, rest, _ := strings.Cut(path, ".")
	f := set.get(name)
	if f == nil {
		return nil
	}
	return refsIn(v.FieldByIndex(f.goIdx), f, rest)
}

func refsIn(v reflect.Value, f *field, rest string) []populator {
	v, ok := deref(v)
	if !ok {
		return nil
	}
	switch f.kind {
	case kindRef:
		if p, ok := reflect.TypeAssert[populator](v.Addr()); ok {
			return []populator{p}
		}
	case kindStruct:
		return refsAt(v, f.sub, rest)
	case kindOneOf:
		if inner, set := f.variant(v); set != nil {
			return refsAt(inner, set, rest)
		}
	case kindSlice:
		var out []populator
		for i := range v.Len() {
			out = append(out, refsIn(v.Index(i), f.elem, rest)...)
		}
		return out
	}
	return nil
}

func dropMissing(v reflect.Value, set *pathSet, path string) {
	f := set.get(path)
	if f == nil {
		return
	}
	list := v.FieldByIndex(f.goIdx)
	kept := reflect.MakeSlice(list.Type(), 0, list.Len())
	for i := range list.Len() {
		if e := list.Index(i); e.Addr().Interface().(interface{ filled() bool }).filled() {
			kept = reflect.Append(kept, e)
		}
	}
	list.Set(kept)
}

// populateMany fills a virtual reference.
func (m *Model[T]) populateMany(r route, docs []*T, s *popSpec, many *manyField) error {
	src, err := m.sourceFor(s, many.target)
	if err != nil {
		return err
	}
	locals := make([][]bson.RawValue, len(docs))
	var all []bson.RawValue
	seen := map[string]bool{}
	for i, d := range docs {
		if locals[i], err = m.keysOf(d, many.local); err != nil {
			return err
		}
		for _, v := range locals[i] {
			if v.Type != 0 && !seen[rawKey(v)] {
				seen[rawKey(v)] = true
				all = append(all, v)
			}
		}
	}
	if len(s.sel) > 0 { // it is needed to put the documents where they belong
		s.sel = append(slices.Clip(s.sel), many.foreign)
	}
	loaded, err := src.fetch(r.ctx, bson.D{{Key: many.foreign, Value: bson.D{{Key: "$in", Value: all}}}}, s)
	if err != nil {
		return err
	}
	byKey := map[string][]any{}
	for _, doc := range loaded {
		keys, err := src.keysOf(doc, many.foreign)
		if err != nil {
			return err
		}
		for _, k := range keys {
			byKey[rawKey(k)] = append(byKey[rawKey(k)], doc)
		}
	}
	for i, d := range docs {
		var mine []any
		for _, v := range locals[i] {
			mine = append(mine, byKey[rawKey(v)]...)
		}
		if s.limit > 0 && int64(len(mine)) > s.limit {
			mine = mine[:s.limit]
		}
		fv := reflect.ValueOf(d).Elem().FieldByIndex(many.goIdx)
		fv.Addr().Interface().(manyFiller).fillMany(mine)
		m.notePopulated(d, s.path)
	}
	return nil
}
