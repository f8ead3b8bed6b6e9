// Package report turns recorded events and master data into the records that laws ask for: the
// transaction information and statement, the product verification and the suspect-product data of the
// US Drug Supply Chain Security Act, and the sortable spreadsheet of FDA's food traceability rule
// (FSMA section 204, 21 CFR part 1 subpart S). It also renders rows as CSV, XLSX and JSON.
//
// A report never invents. What the ledger and the master data do not say stays empty and is named in
// the row's own column "missing"; what only the user can say is named as theirs to fill. Each row
// carries the hash of the event that it rests on and that event's place on the ledger.
//
// A quantity, lot or owner of a logistic unit is inferred through the aggregation events that hold at
// the event's time, as GS1 US's guideline for DSCSA describes it. Events declared in error pack and
// unpack nothing; their own rows stay, marked.
//
// The package is pure: it asks a [Source] and a [MasterData], and writes to an io.Writer. It may import
// epcis and nothing else of Waybill.
package report
