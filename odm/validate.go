package odm

import (
	"bytes"
	"context"
	"errors"
	"reflect"
	"strconv"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// Validate runs the validators, and the hooks around them.
func (d *Doc[T]) Validate(ctx context.Context) error {
	st, err := d.state()
	if err != nil {
		return err
	}
	if ctx == nil {
		return st.misuse("", ErrNilContext)
	}
	unlock, err := st.lock()
	if err != nil {
		return err
	}
	defer unlock()
	return st.validate(ctx)
}

func (st *state[T]) validate(ctx context.Context) error {
	m := st.model
	err := m.hooks.runDoc(ctx, OnValidate, m.table, st.val, func() error {
		st.applySetters()
		if !m.table.checked {
			return nil
		}
		v := validation{ctx: ctx, doc: st.val}
		if st.proj != nil && !st.isNew {
			v.skip = st.notLoaded
		}
		v.structure(reflect.ValueOf(st.val).Elem(), m.table, "")
		return v.failed(m.name)
	})
	if errors.Is(err, ErrStop) {
		return nil
	}
	return err
}

// notLoaded tells whether a path was left out of the query and not assigned since.
func (st *state[T]) notLoaded(path string, v reflect.Value) bool {
	return !st.proj.loads(path) && v.IsZero()
}

// validation collects the errors of a document.
type validation struct {
	ctx  context.Context
	doc  any
	errs []*FieldError
	skip func(path string, v reflect.Value) bool
}

func (v *validation) failed(model string) error {
	if len(v.errs) == 0 {
		return nil
	}
	return &ValidationError{Model: model, Fields: v.errs}
}

func (v *validation) structure(s reflect.Value, set *pathSet, prefix string) {
	for _, f := range set.fields {
		fv := s.FieldByIndex(f.goIdx)
		if v.skip != nil && v.skip(prefix+f.name, fv) {
			continue
		}
		v.field(f, fv, prefix+f.name)
	}
}

func (v *validation) field(f *field, fv reflect.Value, path string) {
	if f.missing(fv) {
		if f.rules.required || (f.rules.requiredIf != nil && f.rules.requiredIf(v.doc)) {
			v.errs = append(v.errs, &FieldError{Path: path, Kind: "required", Message: "Path `" + path + "` is required."})
		}
		return
	}
	val, ok := deref(fv)
	if !ok {
		return
	}
	for _, c := range f.rules.checks {
		if c.own(f) {
			v.run(c, val, path)
		}
	}
	if f.kind == kindSlice && len(f.rules.checks) > 0 {
		for i := range val.Len() {
			v.elementRules(f, val.Index(i), path+"."+strconv.Itoa(i))
		}
	}
	v.below(f, val, path)
}

// own tells whether a rule is for the value itself; others of an array are for its elements.
func (c *check) own(f *field) bool { return c.kind == "user defined" || c.fits(f) }

// elementRules runs those rules of an array that are for its elements.
func (v *validation) elementRules(f *field, e reflect.Value, path string) {
	e, ok := deref(e)
	if !ok {
		return
	}
	for _, c := range f.rules.checks {
		if !c.own(f) {
			v.run(c, e, path)
		}
	}
}

func (v *validation) run(c check, val reflect.Value, path string) {
	if err := c.run(v.ctx, val, path); err != nil {
		v.errs = append(v.errs, err)
	}
}

// below validates what is inside of a struct, an array or a map.
func (v *validation) below(f *field, val reflect.Value, path string) {
	switch f.kind {
	case kindStruct:
		if f.sub.checked {
			v.structure(val, f.sub, path+".")
		}
	case kindOneOf:
		if inner, set := f.variant(val); set != nil {
			v.structure(inner, set, path+".")
		} else if held := val.Interface().(oneOf).held(); held.IsValid() {
			v.errs = append(v.errs, failed("enum", path, held, "`%s` is not a valid kind for path `%s`.", held.Type(), path))
		}
	case kindSlice:
		if !f.elem.deep() {
			return
		}
		for i := range val.Len() {
			v.field(f.elem, val.Index(i), path+"."+strconv.Itoa(i))
		}
	case kindMap:
		if !f.elem.deep() {
			return
		}
		for it := val.MapRange(); it.Next(); {
			v.field(f.elem, it.Value(), path+"."+it.Key().String())
		}
	}
}

// deep tells whether there is something to validate or to set in the elements.
func (f *field) deep() bool {
	for f.elem != nil {
		f = f.elem
	}
	return f.sub != nil && (f.sub.checked || f.sub.hasID)
}

// applySetters runs lowercase, trim and the like over the struct, and gives sub-documents
// their ids.
func (st *state[T]) applySetters() {
	if st.model.table.checked {
		st.model.setStruct(reflect.ValueOf(st.val).Elem(), st.model.table, true)
	}
}

func (m *Model[T]) setStruct(v reflect.Value, set *pathSet, root bool) {
	if !root && set.hasID {
		id := set.byName["_id"]
		if fv := v.FieldByIndex(id.goIdx); id.typ == typeObjectID && fv.IsZero() && fv.CanSet() {
			fv.Set(reflect.ValueOf(m.conn.opts.NewID()))
			m.defaultsOf(set, v) // it is new
		}
	}
	for _, f := range set.fields {
		m.setField(f, v.FieldByIndex(f.goIdx))
	}
}

func (m *Model[T]) setField(f *field, fv reflect.Value) {
	if len(f.rules.setters) == 0 && len(f.rules.custom) == 0 && !f.deep() {
		return
	}
	v, ok := deref(fv)
	if !ok || !v.CanSet() {
		return
	}
	for _, set := range f.rules.custom {
		set(v)
	}
	switch f.kind {
	case kindString:
		setText(v, f.rules.setters)
	case kindStruct:
		m.setStruct(v, f.sub, false)
	case kindOneOf:
		if inner, set := f.variant(v); set != nil {
			m.setStruct(inner, set, false)
		}
	case kindSlice:
		for i := range v.Len() {
			e := v.Index(i)
			if f.elem.kind == kindString {
				setText(e, f.rules.setters)
			} else {
				m.setField(f.elem, e)
			}
		}
	case kindMap:
		for it := v.MapRange(); it.Next(); { // values of maps cannot be set in place
			e := reflect.New(f.elem.typ).Elem()
			e.Set(it.Value())
			m.setField(f.elem, e)
			v.SetMapIndex(it.Key(), e)
		}
	}
}

func setText(v reflect.Value, setters []func(string) string) {
	v, ok := deref(v)
	if !ok || v.Kind() != reflect.String {
		return
	}
	s := v.String()
	for _, set := range setters {
		s = set(s)
	}
	if s != v.String() {
		v.SetString(s)
	}
}

// normalise returns the stored document as T would write it, so that an int64 read into an
// int, a null or an absent field do not look changed.
func (st *state[T]) normalise() (bson.Raw, error) {
	if st.norm != nil {
		return st.norm, nil
	}
	var fresh T
	if st.base != nil {
		if err := bson.Unmarshal(st.base, &fresh); err != nil {
			return nil, err
		}
	}
	st.model.applyDefaults(reflect.ValueOf(&fresh).Elem(), st.proj)
	norm, err := st.model.encode(&fresh)
	if err != nil {
		return nil, err
	}
	st.norm = norm
	return norm, nil
}

// sameAsBase tells cheaply that nothing changed.
func (st *state[T]) sameAsBase(enc bson.Raw) bool {
	return len(st.forced) == 0 && (bytes.Equal(enc, st.norm) || bytes.Equal(enc, st.base))
}
