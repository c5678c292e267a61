package odm

import (
	"reflect"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/x/bsonx/bsoncore"
)

// now is the connection's time, as exact as it is stored.
func (m *Model[T]) now() time.Time {
	return m.conn.opts.Now().UTC().Truncate(time.Millisecond)
}

// stamp sets a timestamp in the struct, if it has a field for it.
func (m *Model[T]) stamp(v *T, name string, t time.Time, keep bool) bool {
	f := m.table.get(name)
	if f == nil {
		return false
	}
	fv := reflect.ValueOf(v).Elem().FieldByIndex(f.goIdx)
	if keep && !f.missing(fv) {
		return true
	}
	if valueType(f.typ) == typeDateTime {
		setDefault(fv, bson.NewDateTimeFromTime(t))
	} else {
		setDefault(fv, t)
	}
	return true
}

// stampNew sets both timestamps, and returns those that the struct has no fields for.
func (m *Model[T]) stampNew(v *T, dst []byte) []byte {
	if !m.cfg.timestamps {
		return dst
	}
	now := m.now()
	if name := m.cfg.createdAt; name != "" && !m.stamp(v, name, now, true) {
		dst = bsoncore.AppendTimeElement(dst, name, now)
	}
	if name := m.cfg.updatedAt; name != "" && !m.stamp(v, name, now, false) {
		dst = bsoncore.AppendTimeElement(dst, name, now)
	}
	return dst
}
