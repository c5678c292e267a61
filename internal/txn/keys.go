package txn

// keySet is the set of index keys of one document, reused between documents.
type keySet struct{}
