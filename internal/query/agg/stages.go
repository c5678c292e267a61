package agg

// stages is the table of stages by name.
var stages map[string]stageSpec

// init indexes the table. Rows refer to Parse through sub-pipelines, so a variable cannot
// hold them.
func init() {
	stages = make(map[string]stageSpec)
	for _, s := range stageTable() {
		stages[s.name] = s
	}
}

const reports = first | noFacet | noTxn

func stageTable() []stageSpec {
	return []stageSpec{
		refused("$changeStream"),
		{"$collStats", reports, parseSpecial},
		{"$count", 0, simple(parseCountStage)},
		{"$currentOp", reports | collectionless, parseSpecial},
		{"$documents", first | noFacet | collectionless, simple(parseDocuments)},
		{"$facet", noFacet, simple(parseFacet)},
		refused("$geoNear"),
		{"$indexStats", reports, parseSpecial},
		{"$graphLookup", 0, simple(parseGraphLookup)},
		{"$group", 0, simple(parseGroup)},
		{"$limit", 0, simple(parseLimit)},
		{"$listLocalSessions", reports | collectionless, parseSpecial},
		{"$listSessions", reports, parseSpecial},
		{"$lookup", 0, simple(parseLookup)},
		{"$match", 0, simple(parseMatch)},
		{"$planCacheStats", reports, parseSpecial},
		{"$replaceRoot", inUpdate, simple(parseReplaceRoot)},
		{"$replaceWith", inUpdate, simple(parseReplaceWith)},
		{"$skip", 0, simple(parseSkip)},
		{"$sort", 0, simple(parseSort)},
		{"$unionWith", 0, simple(parseUnionWith)},
		{"$unwind", 0, simple(parseUnwind)},
	}
}
