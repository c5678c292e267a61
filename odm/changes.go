package odm

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// diff encodes the struct and compares it with what the server has. With strict, changes of
// immutable paths are undone, or refused by StrictThrow.
func (st *state[T]) diff(strict bool) (bson.Raw, *changes, error) {
	m := st.model
	enc, err := m.encode(st.val)
	if err != nil {
		return nil, nil, err
	}
	ch := &changes{forced: st.forced, ignored: st.ignored, atomics: st.atomics, versionKey: m.cfg.versionKey}
	if st.sameAsBase(enc) {
		return enc, ch, nil
	}
	if st.norm == nil {
		st.norm, _ = quickNorm(m.table, st.base, enc)
	}
	norm, err := st.normalise()
	if err != nil {
		return nil, nil, err
	}
	base := st.base
	if st.isNew {
		base = nil
	}
	if err := ch.document("", m.table, base, norm, enc); errors.Is(err, ErrIDChanged) {
		return nil, nil, st.misuse("_id", err)
	} else if err != nil {
		return nil, nil, err
	}
	if len(ch.immutable) == 0 || !strict {
		return enc, ch, nil
	}
	if m.strict() == StrictThrow {
		return nil, nil, &StrictError{Model: m.name, Path: ch.immutable[0], Where: "document", What: "is immutable"}
	}
	return st.keepImmutable(ch.immutable)
}

func (m *Model[T]) strict() Strict {
	return m.cfg.strict.or(m.conn.opts.Strict, StrictDrop)
}

// keepImmutable gives immutable fields their old values back.
func (st *state[T]) keepImmutable(paths []string) (bson.Raw, *changes, error) {
	var stored T
	if err := bson.Unmarshal(st.norm, &stored); err != nil {
		return nil, nil, err
	}
	dst, src := reflect.ValueOf(st.val).Elem(), reflect.ValueOf(&stored).Elem()
	for _, p := range paths {
		st.model.table.putBack(dst, src, p, lookup(st.norm, p))
	}
	return st.diff(false)
}

// Changes returns the update that Save would send.
func (d *Doc[T]) Changes() (*Changes, error) {
	st, err := d.state()
	if err != nil {
		return nil, err
	}
	_, ch, err := st.diff(false)
	if err != nil {
		return nil, err
	}
	where, bump := st.versionRules(ch)
	c := &Changes{Paths: ch.paths, Where: where, Bump: bump}
	if !ch.empty() {
		c.Update = ch.update(st.model.cfg.versionKey, bump)
	}
	return c, nil
}

// DirectModifiedPaths returns the paths that were changed.
func (d *Doc[T]) DirectModifiedPaths() []string {
	st, err := d.state()
	if err != nil {
		return nil
	}
	_, ch, err := st.diff(false)
	if err != nil {
		return nil
	}
	return ch.paths
}

// ModifiedPaths returns the paths that were changed, and those above them.
func (d *Doc[T]) ModifiedPaths() []string {
	seen := map[string]struct{}{}
	var out []string
	for _, p := range d.DirectModifiedPaths() {
		for i := range len(p) + 1 {
			if i < len(p) && p[i] != '.' {
				continue
			}
			if _, ok := seen[p[:i]]; !ok {
				seen[p[:i]] = struct{}{}
				out = append(out, p[:i])
			}
		}
	}
	return out
}

// IsModified tells whether one of the paths was changed, or something below or above it.
// Without paths it tells whether anything was.
func (d *Doc[T]) IsModified(paths ...string) bool {
	direct := d.DirectModifiedPaths()
	if len(paths) == 0 {
		return len(direct) > 0
	}
	return overlapAny(direct, paths)
}

// IsDirectModified tells whether the path itself was changed.
func (d *Doc[T]) IsDirectModified(path string) bool {
	return slices.Contains(d.DirectModifiedPaths(), path)
}

// MarkModified makes Save send the path as a whole, with a version check for arrays.
func (d *Doc[T]) MarkModified(path string) error {
	return d.mark(path, func(st *state[T]) {
		st.forced = with(st.forced, path)
		st.ignored = without(st.ignored, path)
	})
}

// Unmark makes Save leave the path out, until it is marked or the document is saved.
func (d *Doc[T]) Unmark(path string) error {
	return d.mark(path, func(st *state[T]) {
		st.ignored = with(st.ignored, path)
		st.forced = without(st.forced, path)
	})
}

func (d *Doc[T]) mark(path string, fn func(*state[T])) error {
	st, err := d.state()
	if err != nil {
		return err
	}
	if st.model.table.find(path) == nil {
		return &StrictError{Model: st.model.name, Path: path, Where: "document"}
	}
	fn(st)
	return nil
}

func with(s map[string]struct{}, path string) map[string]struct{} {
	s = maps.Clone(s)
	if s == nil {
		s = map[string]struct{}{}
	}
	s[path] = struct{}{}
	return s
}

func without(s map[string]struct{}, path string) map[string]struct{} {
	s = maps.Clone(s)
	delete(s, path)
	return s
}

// Inc adds to a number in memory, and by $inc in the database when the document is saved.
func (d *Doc[T]) Inc(path string, n int64) error {
	st, err := d.state()
	if err != nil {
		return err
	}
	f, fv, err := st.fieldValue(path)
	if err != nil {
		return err
	}
	v, ok := deref(fv)
	switch {
	case ok && v.CanInt():
		v.SetInt(v.Int() + n)
	case ok && v.CanFloat():
		v.SetFloat(v.Float() + float64(n))
	default:
		return &CastError{Model: st.model.name, Path: path, Kind: "Number", Value: f.typ.String()}
	}
	op := st.atomics[path]
	op.inc += n
	st.setAtomic(path, op)
	return nil
}

// fieldValue returns the field at a path outside of arrays and maps.
func (st *state[T]) fieldValue(path string) (*field, reflect.Value, error) {
	path = st.model.pathOf(path)
	v, set := reflect.ValueOf(st.val).Elem(), st.model.table
	for name := range strings.SplitSeq(path, ".") {
		f := set.get(name)
		if f == nil {
			return nil, v, &StrictError{Model: st.model.name, Path: path, Where: "document"}
		}
		v = v.FieldByIndex(f.goIdx)
		set = f.sub
		if f.path == path {
			return f, v, nil
		}
		inner, ok := deref(v)
		if !ok {
			break
		}
		v = inner
	}
	return nil, v, &StrictError{Model: st.model.name, Path: path, Where: "document", What: "cannot be reached"}
}

// AddToSet appends the values that the array lacks, and sends them by $addToSet.
func (d *Doc[T]) AddToSet(path string, values ...any) error {
	st, err := d.state()
	if err != nil {
		return err
	}
	f, v, err := st.fieldValue(path)
	if err != nil {
		return err
	}
	if f.kind != kindSlice || v.Kind() != reflect.Slice {
		return &CastError{Model: st.model.name, Path: path, Kind: "Array", Value: values}
	}
	var added []bson.RawValue
	for _, value := range values {
		nv := reflect.ValueOf(value)
		if !nv.IsValid() || !nv.Type().AssignableTo(v.Type().Elem()) {
			return &CastError{Model: st.model.name, Path: path, Kind: f.elem.kind.String(), Value: value}
		}
		raw, err := rawValue(value)
		if err != nil {
			return err
		}
		if has, err := contains(v, raw); err != nil || has {
			if err != nil {
				return err
			}
			continue
		}
		v.Set(reflect.Append(v, nv))
		added = append(added, raw)
	}
	if len(added) == 0 {
		return nil
	}
	op := st.atomics[path]
	if op.isAdd {
		before, err := arrayElements(bson.RawValue{Type: bson.TypeArray, Value: op.add})
		if err != nil {
			return err
		}
		added = append(before, added...)
	}
	list := bson.Raw(appendList(nil, "", added)[2:])
	st.setAtomic(path, atomicOp{isAdd: true, add: list})
	return nil
}

func (st *state[T]) setAtomic(path string, op atomicOp) {
	st.atomics = maps.Clone(st.atomics)
	if st.atomics == nil {
		st.atomics = map[string]atomicOp{}
	}
	st.atomics[path] = op
}

func rawValue(v any) (bson.RawValue, error) {
	t, data, err := bson.MarshalValue(v)
	return bson.RawValue{Type: t, Value: data}, err
}

func contains(slice reflect.Value, want bson.RawValue) (bool, error) {
	for i := range slice.Len() {
		raw, err := rawValue(slice.Index(i).Interface())
		if err != nil {
			return false, fmt.Errorf("odm: element %d: %w", i, err)
		}
		if raw.Type == want.Type && bytes.Equal(raw.Value, want.Value) {
			return true, nil
		}
	}
	return false, nil
}
