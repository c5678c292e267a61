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
		{"$addFields", inUpdate, parseAddFields},
		{"$bucket", 0, parseBucket},
		{"$bucketAuto", 0, simple(parseBucketAuto)},
		refused("$changeStream"),
		{"$collStats", reports, parseSpecial},
		{"$count", 0, simple(parseCountStage)},
		{"$currentOp", reports | collectionless, parseSpecial},
		{"$densify", 0, parseDensify},
		{"$documents", first | noFacet | collectionless, simple(parseDocuments)},
		{"$facet", noFacet, simple(parseFacet)},
		{"$fill", 0, parseFill},
		refused("$geoNear"),
		{"$indexStats", reports, parseSpecial},
		{"$graphLookup", 0, simple(parseGraphLookup)},
		{"$group", 0, simple(parseGroup)},
		{"$limit", 0, simple(parseLimit)},
		{"$listLocalSessions", reports | collectionless, parseSpecial},
		{"$listSearchIndexes", reports, parseSpecial},
		{"$listSessions", reports, parseSpecial},
		{"$lookup", 0, simple(parseLookup)},
		{"$match", 0, simple(parseMatch)},
		writeStage("$merge", parseMerge),
		writeStage("$out", parseOut),
		{"$planCacheStats", reports, parseSpecial},
		{"$project", inUpdate, simple(parseProject)},
		{"$redact", 0, simple(parseRedact)},
		{"$replaceRoot", inUpdate, simple(parseReplaceRoot)},
		{"$replaceWith", inUpdate, simple(parseReplaceWith)},
		{"$sample", 0, simple(parseSample)},
		{"$set", inUpdate, parseAddFields},
		{"$setWindowFields", 0, simple(parseSetWindowFields)},
		{"$skip", 0, simple(parseSkip)},
		{"$sort", 0, simple(parseSort)},
		{"$sortByCount", 0, parseSortByCount},
		{"$unionWith", 0, simple(parseUnionWith)},
		{"$unset", inUpdate, simple(parseUnset)},
		{"$unwind", 0, simple(parseUnwind)},
	}
}
