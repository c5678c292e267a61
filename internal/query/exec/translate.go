package exec

import (
	"errors"

	"github.com/tandemdb/tandem/internal/storage"
	"github.com/tandemdb/tandem/internal/txn"
)

// translate gives a conflict that nobody waits for its MongoDB error.
func translate(store *txn.Store, err error) error {
	var conflict *storage.ConflictError
	if errors.As(err, &conflict) {
		return store.ConflictError(conflict)
	}
	return err
}
