package report

// The columns of the food traceability spreadsheet.
const (
	fCTE = iota
	fTLC
	fLine
	fGTIN
	fLot
	fQuantity
	fUnit
	fUnitName
	fProduct
	fCommodity
	fDate
	fPlaceGLN
	fPlace
	fFromGLN
	fFrom
	fToGLN
	fTo
	fSourceGLN
	fSource
	fSourceReference
	fSourceEvent
	fFarmGLN
	fFarm
	fGrowingArea
	fPond
	fHarvester
	fHarvestDate
	fHarvestUntil
	fHarvestArea
	fCooledGLN
	fCooledAt
	fCooledDate
	fReceivedDate
	fReceivedQuantity
	fReceivedUnit
	fDocumentType
	fDocumentNumber
	fLogisticUnit
	fInferred
	fMissing
	fStep
	fEventType
	fEventTime
	fOffset
	fInError
	fFindings
	fRecordedBy
	fRecordedAt
	fHash
	fBlock
	fIndex
	fTx
	fLeaf
	foodWidth
)

func foodColumns() []Column {
	c := make([]Column, foodWidth)
	set := func(i int, key, title string, kind Kind, law string) { c[i] = Column{key, title, kind, law} }
	set(fCTE, "cte", "Critical tracking event", Text, "21 CFR 1.1325-1.1350")
	set(fTLC, "tlc", "Traceability lot code", Text, "21 CFR 1.1340(a)(1)")
	set(fLine, "line", "The lot in the event (food, received, packed, used, produced)", Text, "21 CFR 1.1350(a)")
	set(fGTIN, "gtin", "GTIN", Text, "")
	set(fLot, "batch_lot", "Batch or lot number", Text, "")
	set(fQuantity, "quantity", "Quantity", Number, "21 CFR 1.1340(a)(2)")
	set(fUnit, "unit", "Unit of measure (UN/CEFACT code; empty: a count)", Text, "21 CFR 1.1340(a)(2)")
	set(fUnitName, "unit_name", "Unit of measure", Text, "21 CFR 1.1340(a)(2)")
	set(fProduct, "product_description", "Product description", Text, "21 CFR 1.1340(a)(3)")
	set(fCommodity, "commodity_variety", "Commodity and variety, or species", Text, "21 CFR 1.1325(a)(1)(ii)")
	set(fDate, "date", "Date of the tracking event, where it happened", Date, "21 CFR 1.1340(a)(6)")
	set(fPlaceGLN, "location_id", "Location of the tracking event: GLN or identifier", Text, "")
	set(fPlace, "location", "Location of the tracking event: description", Text, "21 CFR 1.1340(a)(5)")
	set(fFromGLN, "previous_source_id", "Immediate previous source: GLN or identifier", Text, "")
	set(fFrom, "previous_source", "Immediate previous source: location description", Text, "21 CFR 1.1345(a)(4)")
	set(fToGLN, "subsequent_recipient_id", "Immediate subsequent recipient: GLN or identifier", Text, "")
	set(fTo, "subsequent_recipient", "Immediate subsequent recipient: location description", Text, "21 CFR 1.1340(a)(4)")
	set(fSourceGLN, "tlc_source_id", "Traceability lot code source: GLN or identifier", Text, "")
	set(fSource, "tlc_source", "Traceability lot code source: location description", Text, "21 CFR 1.1340(a)(7)")
	set(fSourceReference, "tlc_source_reference", "Traceability lot code source reference", Text, "21 CFR 1.1340(a)(7)")
	set(fSourceEvent, "tlc_source_event", "Event that assigned the lot code (hash)", Text, "")
	set(fFarmGLN, "farm_id", "Farm of harvest: GLN or identifier", Text, "")
	set(fFarm, "farm", "Farm of harvest: location description", Text, "21 CFR 1.1325(a)(1)(iv)")
	set(fGrowingArea, "growing_area", "Field or growing area", Text, "21 CFR 1.1325(a)(1)(v)")
	set(fPond, "aquaculture_container", "Container of aquacultured food", Text, "21 CFR 1.1325(a)(1)(vi)")
	set(fHarvester, "harvester", "Harvester: business name and phone number", Text, "21 CFR 1.1330(a)(7)")
	set(fHarvestDate, "harvest_date", "Date of harvesting, or first of the range", Date, "21 CFR 1.1330(a)(8)")
	set(fHarvestUntil, "harvest_date_last", "Last date of the harvest range", Date, "21 CFR 1.1335(d)")
	set(fHarvestArea, "harvest_location", "Harvest locations of the fishing trip", Text, "21 CFR 1.1335(d)")
	set(fCooledGLN, "cooling_location_id", "Cooled at: GLN or identifier", Text, "")
	set(fCooledAt, "cooling_location", "Cooled at: location description", Text, "21 CFR 1.1330(a)(9)")
	set(fCooledDate, "cooling_date", "Date of cooling", Date, "21 CFR 1.1330(a)(10)")
	set(fReceivedDate, "received_date", "Date the packed food was received", Date, "21 CFR 1.1330(a)(2)")
	set(fReceivedQuantity, "received_quantity", "Quantity received for packing", Number, "21 CFR 1.1330(a)(3)")
	set(fReceivedUnit, "received_unit", "Unit of measure received for packing", Text, "21 CFR 1.1330(a)(3)")
	set(fDocumentType, "reference_document_type", "Reference document type", Text, "21 CFR 1.1340(a)(8)")
	set(fDocumentNumber, "reference_document_number", "Reference document number", Text, "21 CFR 1.1340(a)(8)")
	set(fLogisticUnit, "logistic_unit", "Logistic unit", Text, "")
	set(fInferred, "inferred", "How the lot was found", Text, "")
	set(fMissing, "missing", "Key data elements not on record", Text, "")
	set(fStep, "business_step", "Business step (CBV)", Text, "")
	set(fEventType, "event_type", "Event type (EPCIS)", Text, "")
	set(fEventTime, "event_time", "Event time", Time, "")
	set(fOffset, "event_time_zone_offset", "Time zone offset of the event", Text, "")
	set(fInError, "declared_in_error", "Declared in error since", Text, "")
	set(fFindings, "findings", "Findings of the ledger's rules", Text, "")
	set(fRecordedBy, "recorded_by", "Recorded by", Text, "")
	set(fRecordedAt, "recorded_at", "Recorded at", Time, "")
	set(fHash, "event_hash", "Event hash", Text, "")
	set(fBlock, "ledger_block", "Ledger block", Number, "")
	set(fIndex, "ledger_index", "Index in the block", Number, "")
	set(fTx, "ledger_transaction", "Ledger transaction", Text, "")
	set(fLeaf, "proof_leaf", "Leaf of the proof log", Number, "")
	return c
}
