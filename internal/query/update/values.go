package update

import "github.com/tandemdb/tandem/internal/bsonx"

// loadValues reads the elements of an array into r.values.
func (r *run) loadValues(arr bsonx.Doc) {
	r.values = r.values[:0]
	for it := arr.Iter(); ; {
		_, v, ok := it.Next()
		if !ok {
			return
		}
		r.values = append(r.values, v)
	}
}

// storeValues makes an array of vs in r.scratch.
func (r *run) storeValues(vs []bsonx.Value) bsonx.Value {
	b := bsonx.AppendDocStart(r.scratch[:0])
	for i, v := range vs {
		b = bsonx.AppendIndexElem(b, i, v)
	}
	return r.finishScratch(b)
}

// finishScratch completes the array that was begun at the start of r.scratch.
func (r *run) finishScratch(b []byte) bsonx.Value {
	b = bsonx.AppendDocEnd(b, 0)
	r.scratch = b
	return bsonx.Array(b)
}
