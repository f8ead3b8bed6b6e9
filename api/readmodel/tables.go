package readmodel

import (
	"strings"

	"github.com/waybill-dev/waybill/api/proof"
)

// table is a table that the projection fills.
type table struct {
	name    string
	columns []string
	key     int    // the primary key is that many of the first columns
	merge   string // what a row does that is there already; empty if that is an error
	spread  bool   // rows are many and their keys come in no order; see load
}

// The tables, in the order in which they are written.
const (
	tContexts = iota
	tEvents
	tWaiting
	tParts
	tTerms
	tNumbers
	tVocabulary
	tBodies
	tEPCs
	tRestatements
	tItems
	tFindings
	tFindingChanges
	tMasterData
	tElements
	tElementsInForce
	tElementTerms
	tDevices
	tSegments
	tAssociations
	tLinks
	tLinkKeys
	tLots
	tPolicies
	tVerdicts
	tShipments
	tGoverned
	tNotes
	tReceipts
	tReceiptAccounts
	tTasks
	tTaskSeats
	tTaskParts
	tTaskClaims
	tFinals
	tBlended
	tOverruled
	tScoringEntries
	tScoringSums
	tAnchors
	tLogFindings
	tLogBlocks
	tLogTiles
	tTotals
	tPosition
	tableCount
)

// laterWindow holds where a shipment's latest verdict is of no earlier window than the one before. Verdicts of several scorers
// become final in any order.
const laterWindow = `excluded.latest_window IS NOT NULL AND (shipments.latest_window IS NULL OR excluded.latest_window >= shipments.latest_window)`

func tables() [tableCount]table {
	var all [tableCount]table
	define := func(id int, name, columns string, key int, merge string) {
		all[id] = table{name: name, columns: strings.Fields(columns), key: key, merge: merge}
	}
	define(tContexts, "contexts", "digest context", 1, "(digest) DO NOTHING")
	define(tEvents, "events", "pos hash event_type event_time biz_step disposition action event_id read_point biz_location declared_in_error msp_id recorded_at tx_id", 1, "")
	define(tWaiting, "index_waiting", "block entries content", 1, "")
	define(tParts, "index_parts", "part first entries event_low event_high recorded_low recorded_high positions recorded event_times", 1, "")
	define(tTerms, "index_terms", "term part members", 2, "")
	define(tNumbers, "index_numbers", "field part low high members", 2, "")
	define(tVocabulary, "vocabulary", "resource value", 2, "(resource, value) DO NOTHING")
	define(tBodies, "bodies", "pos context body", 1, "")
	define(tEPCs, "event_epcs", "epc pos roles", 2, "")
	define(tRestatements, "restatements", "pos hash body_digest event_id declares_error msp_id recorded_at tx_id", 1, "")
	define(tItems, "items", "epc status custodian container place disposition biz_step last_event last_at commissioned_at commissioned_by ended_at ended_by shipped_at shipped_from shipped_to", 1,
		`(epc) DO UPDATE SET status = excluded.status, custodian = excluded.custodian, container = excluded.container, place = excluded.place,
		disposition = excluded.disposition, biz_step = excluded.biz_step, last_event = excluded.last_event, last_at = excluded.last_at,
		commissioned_at = excluded.commissioned_at, commissioned_by = excluded.commissioned_by, ended_at = excluded.ended_at, ended_by = excluded.ended_by,
		shipped_at = excluded.shipped_at, shipped_from = excluded.shipped_from, shipped_to = excluded.shipped_to`)
	define(tFindings, "findings", "pos code item event other detail tx_id severity open changed finding", 1,
		`(event, code, item) DO UPDATE SET other = excluded.other, detail = excluded.detail, open = excluded.open, changed = excluded.changed, finding = excluded.finding`)
	define(tFindingChanges, "finding_changes", "pos event code item finding", 1, "")
	define(tMasterData, "master_data", "kind id version waiting owner window_ms tx_id datum", 4,
		`(kind, id, version, waiting) DO UPDATE SET tx_id = excluded.tx_id, datum = excluded.datum`)
	define(tElements, "elements", "id type msp_id stated_at content set_at tx_id context body", 5, "")
	define(tElementsInForce, "elements_in_force", "id type msp_id stated_at content", 3,
		`(id, type, msp_id) DO UPDATE SET stated_at = excluded.stated_at, content = excluded.content`)
	define(tElementTerms, "element_terms", "term id", 2, "(term, id) DO NOTHING")
	define(tDevices, "devices", "id algorithm public_key owner registered_at tx_id next_seq last_digest last_reading", 1, "")
	define(tSegments, "segments", "pos device seq digest from_time to_time times payload signature msp_id recorded_at tx_id", 1, "")
	define(tAssociations, "associations", "device event_time event container binds", 4, "")
	define(tLinks, "links", "pos link", 1, "")
	define(tLinkKeys, "link_keys", "kind key pos", 3, "")
	define(tLots, "lots", "lot block members", 2, "")
	define(tPolicies, "policies", "id version policy tx_id", 2, "")
	define(tVerdicts, "verdicts", "pos shipment window_no model final level score changed verdict", 1, "")
	define(tShipments, "shipments", "id started_at ended_at verdicts latest level worst latest_window", 1,
		`(id) DO UPDATE SET started_at = CASE WHEN excluded.started_at < shipments.started_at THEN excluded.started_at ELSE shipments.started_at END,
		ended_at = COALESCE(shipments.ended_at, excluded.ended_at), verdicts = shipments.verdicts + excluded.verdicts,
		latest = CASE WHEN `+laterWindow+` THEN excluded.latest ELSE shipments.latest END, level = CASE WHEN `+laterWindow+` THEN excluded.level ELSE shipments.level END,
		latest_window = CASE WHEN `+laterWindow+` THEN excluded.latest_window ELSE shipments.latest_window END,
		worst = CASE WHEN excluded.worst > shipments.worst THEN excluded.worst ELSE shipments.worst END`)
	define(tGoverned, "governed", "kind id sub owner tx_id value", 3,
		`(kind, id, sub) DO UPDATE SET owner = excluded.owner, tx_id = excluded.tx_id, value = excluded.value`)
	define(tNotes, "notes", "tx_id idx owner amount purpose made spent note", 2, `(tx_id, idx) DO UPDATE SET spent = excluded.spent`)
	define(tReceipts, "receipts", "pos operation kind receipt", 1, "")
	define(tReceiptAccounts, "receipt_accounts", "account pos", 2, "")
	define(tTasks, "tasks", "id pos shipment window_no model phase changed task", 1, "")
	define(tTaskSeats, "task_seats", "account pos", 2, "")
	define(tTaskParts, "task_parts", "task kind account pos value", 3, "")
	define(tTaskClaims, "task_claims", "task account pos refuted value", 2,
		"(task, account) DO UPDATE SET pos = excluded.pos, refuted = excluded.refuted, value = excluded.value")
	define(tFinals, "finals", "shipment window_no model pos msp_id value", 3, "")
	define(tBlended, "blended", "model pos shipment window_no", 2, "(model, pos) DO NOTHING")
	define(tOverruled, "overruled", "pos shipment window_no model final level verdict", 1, "")
	define(tScoringEntries, "scoring_entries", "account pos kind task cause amount bonded brier at tx_id", 4, "")
	define(tScoringSums, "scoring_sums", "account rewarded found slashed right_n wrong_n other_n silent_n truths brier tasks", 1,
		`(account) DO UPDATE SET rewarded = scoring_sums.rewarded + excluded.rewarded, found = scoring_sums.found + excluded.found,
		slashed = scoring_sums.slashed + excluded.slashed, right_n = scoring_sums.right_n + excluded.right_n, wrong_n = scoring_sums.wrong_n + excluded.wrong_n,
		other_n = scoring_sums.other_n + excluded.other_n, silent_n = scoring_sums.silent_n + excluded.silent_n, truths = scoring_sums.truths + excluded.truths,
		brier = scoring_sums.brier + excluded.brier, tasks = scoring_sums.tasks + excluded.tasks`)
	define(tAnchors, "anchors", "height msp_id channel genesis block_hash size root signed_at signature certificate tx_id recorded_at block agrees", 2, "")
	define(tLogFindings, "log_findings", "leaf fact entry content", 1, "")
	define(tLogBlocks, "log_blocks", "block hash first facts findings root", 1, "")
	define(tLogTiles, "log_tiles", "level tile hashes", 2, "(level, tile) DO UPDATE SET hashes = excluded.hashes")
	define(tTotals, "totals", "name value", 1, `(name) DO UPDATE SET value = totals.value + excluded.value`)
	define(tPosition, "position", "one block hash genesis", 1, `(one) DO UPDATE SET block = excluded.block, hash = excluded.hash, genesis = excluded.genesis`)
	all[tEPCs].spread, all[tTerms].spread = true, true
	return all
}

// insert is the statement that writes n rows.
func (t table) insert(n int) string {
	row := "(?" + strings.Repeat(", ?", len(t.columns)-1) + ")"
	s := "INSERT INTO " + t.name + " (" + strings.Join(t.columns, ", ") + ") VALUES " + row + strings.Repeat(", "+row, n-1)
	if t.merge != "" {
		s += " ON CONFLICT " + t.merge
	}
	return s
}

// ordered is the question for all rows in the order of the key.
func (t table) ordered() string {
	return "SELECT " + strings.Join(t.columns, ", ") + " FROM " + t.name + " ORDER BY " + strings.Join(t.columns[:t.key], ", ")
}

// storable makes text that every database takes.
func storable(s string) string { return proof.Storable(s) }
