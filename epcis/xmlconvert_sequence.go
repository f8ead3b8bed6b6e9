package epcis

import "slices"

// sequence reports the first field that stands before one it must follow: the
// schemas want a sequence. Results of queries are let pass, since published ones
// are jumbled.
func (c *xmlConverter) sequence(t EventType, el *xmlElement) {
	if c.x.doc.Type == "EPCISQueryDocument" || !t.Standard() {
		return
	}
	least, before := lastInSequence+1, ""
	var early *xmlElement
	for _, kid := range slices.Backward(el.kids) {
		if kid.foreign() {
			continue
		}
		rank := sequenceRank(t, kid.local)
		if rank > least {
			early = kid
			continue
		}
		if rank > 0 && rank < least {
			least, before = rank, kid.local
		}
	}
	if early == nil {
		return
	}
	// The field that it must follow is the first one behind it with a lower rank.
	rank := sequenceRank(t, early.local)
	behind := false
	for _, kid := range el.kids {
		if behind && !kid.foreign() {
			if r := sequenceRank(t, kid.local); r > 0 && r < rank {
				before = kid.local
				break
			}
		}
		behind = behind || kid == early
	}
	c.fault(xmlOrigin{el: early}, CodeSequence, early.local+" stands before "+before+", which it must follow")
}

const lastInSequence = 11

// sequenceRank gives the place of a field in the sequence that the schemas of 1.2 and
// 2.0 have in common; 0 for fields that they place differently, or not at all.
func sequenceRank(t EventType, field string) int {
	switch field {
	case "eventTime":
		return 1
	case "recordTime":
		return 2
	case "eventTimeZoneOffset":
		return 3
	case "eventID", "errorDeclaration", "baseExtension":
		return 4
	case "epcList", "parentID", "childEPCs", "inputEPCList", "inputQuantityList", "outputEPCList", "outputQuantityList":
		return 5
	case "bizTransactionList":
		if t == TransactionEvent {
			return 5
		}
		return lastInSequence
	case "action", "transformationID":
		return 6
	case "bizStep":
		return 7
	case "disposition":
		return 8
	case "readPoint":
		return 9
	case "bizLocation":
		return 10
	case "sourceList", "destinationList", "sensorElementList", "persistentDisposition", "ilmd", "extension":
		return lastInSequence
	}
	return 0
}
