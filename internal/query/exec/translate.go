package exec

import (
	"errors"

	"github.com/tandemdb/tandem/internal/storage"
	"github.com/tandemdb/tandem/internal/txn"
)

// translate gives a conflict that nobody waits for its MongoDB error.
func translate(store *txn.Store, err error) error {
	if conflict, ok := errors.AsType[*storage.ConflictError](err); ok {
		return store.ConflictError(conflict)
	}
	return err
}
