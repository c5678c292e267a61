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
		{name: "$addFields", flags: inUpdate, parse: parseAddFields},
		{name: "$bucket", parse: parseBucket},
		{name: "$bucketAuto", parse: simple(parseBucketAuto)},
		refused("$changeStream", reports),
		{name: "$collStats", flags: reports, parse: parseSpecial},
		{name: "$count", parse: simple(parseCountStage)},
		{name: "$currentOp", flags: reports | collectionless, parse: parseSpecial},
		{name: "$densify", parse: parseDensify},
		{name: "$documents", flags: first | noFacet | collectionless, parse: simple(parseDocuments)},
		{name: "$facet", flags: noFacet, parse: simple(parseFacet)},
		{name: "$fill", parse: parseFill},
		refused("$geoNear", first|noFacet),
		{name: "$graphLookup", parse: simple(parseGraphLookup)},
		{name: "$group", parse: simple(parseGroup)},
		{name: "$indexStats", flags: reports, parse: parseSpecial},
		{name: "$limit", parse: simple(parseLimit)},
		{name: "$listLocalSessions", flags: reports | collectionless, parse: parseSpecial},
		{name: "$listSearchIndexes", flags: reports, parse: parseSpecial},
		{name: "$listSessions", flags: reports, parse: parseSpecial},
		{name: "$lookup", parse: simple(parseLookup)},
		{name: "$match", parse: simple(parseMatch)},
		writeStage("$merge", parseMerge),
		writeStage("$out", parseOut),
		{name: "$planCacheStats", flags: reports, parse: parseSpecial},
		{name: "$project", flags: inUpdate, parse: simple(parseProject)},
		{name: "$redact", parse: simple(parseRedact)},
		{name: "$replaceRoot", flags: inUpdate, parse: simple(parseReplaceRoot)},
		{name: "$replaceWith", flags: inUpdate, parse: simple(parseReplaceWith)},
		{name: "$sample", parse: simple(parseSample)},
		{name: "$set", flags: inUpdate, parse: parseAddFields},
		{name: "$setWindowFields", parse: simple(parseSetWindowFields)},
		{name: "$skip", parse: simple(parseSkip)},
		{name: "$sort", parse: simple(parseSort)},
		{name: "$sortByCount", parse: parseSortByCount},
		{name: "$unionWith", parse: simple(parseUnionWith)},
		{name: "$unset", flags: inUpdate, parse: simple(parseUnset)},
		{name: "$unwind", parse: simple(parseUnwind)},
	}
}
