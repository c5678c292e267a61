package storagetest

var (
	waitTests, isolationTests, savepointTests, commitTests   []test
	durabilityTests, historyTests, counterTests, changeTests []test
	lifecycleTests                                           []test
)
