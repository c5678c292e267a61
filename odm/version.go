package odm

import (
	"reflect"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/x/bsonx/bsoncore"
)

// readVersion takes the version from the stored document.
func (m *Model[T]) readVersion(st *state[T]) {
	st.versioned, st.version = false, 0
	if m.cfg.versionKey == "" {
		return
	}
	if v, ok := findElement(st.base, []byte(m.cfg.versionKey)); ok {
		st.version, st.versioned = v.AsInt64OK()
	}
}

// setVersionField shows the version in the struct, if it has a field for it.
func (m *Model[T]) setVersionField(st *state[T]) {
	f := m.table.get(m.cfg.versionKey)
	if f == nil {
		return
	}
	v := reflect.ValueOf(st.val).Elem().FieldByIndex(f.goIdx)
	if v.CanInt() {
		v.SetInt(st.version)
	}
}

// appendVersion adds the version to elements that a document is to be stored with.
func (m *Model[T]) appendVersion(dst []byte, version int64) []byte {
	if m.cfg.versionKey == "" || m.table.get(m.cfg.versionKey) != nil {
		return dst
	}
	if int64(int32(version)) == version {
		return bsoncore.AppendInt32Element(dst, m.cfg.versionKey, int32(version))
	}
	return bsoncore.AppendInt64Element(dst, m.cfg.versionKey, version)
}

// filter is what an update of the document looks for.
func (st *state[T]) filter(where bool) (bson.Raw, error) {
	id, ok := findElement(st.base, []byte("_id"))
	if !ok {
		return nil, st.misuse("_id", ErrNoID)
	}
	dst := appendRawElement(nil, "_id", id)
	if where && st.versioned {
		dst = bsoncore.AppendInt64Element(dst, st.model.cfg.versionKey, st.version)
	}
	return document(dst), nil
}
