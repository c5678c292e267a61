package odm

import (
	"context"
	"reflect"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// copyInto copies the stored fields.
func (m *Model[T]) copyInto(dst, src *T) {
	m.table.copyStored(reflect.ValueOf(dst).Elem(), reflect.ValueOf(src).Elem())
}

// Overwrite replaces all stored values by those of v, except for the _id.
func (d *Doc[T]) Overwrite(ctx context.Context, v *T) error {
	st, _, unlock, err := d.begin(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	id := st.model.table.get("_id")
	dst := reflect.ValueOf(st.val).Elem().FieldByIndex(id.goIdx)
	kept := reflect.New(dst.Type()).Elem()
	kept.Set(dst)
	st.model.copyInto(st.val, v)
	dst.Set(kept)
	st.model.setVersionField(st)
	return nil
}

// Clone returns a copy of the document with its state. The two share the stored bytes.
func (d *Doc[T]) Clone() (*T, error) {
	st, err := d.state()
	if err != nil {
		return nil, err
	}
	raw, err := st.model.encode(st.val)
	if err != nil {
		return nil, err
	}
	h := &holder[T]{}
	if err := bson.Unmarshal(raw, &h.val); err != nil {
		return nil, err
	}
	h.st.snapshot = st.snapshot
	st.model.attach(&h.val, &h.st)
	st.model.table.restoreRefs(reflect.ValueOf(&h.val).Elem(), st.model.table.copyRefs(reflect.ValueOf(st.val).Elem()))
	return &h.val, nil
}
