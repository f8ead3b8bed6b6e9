package epcis

import (
	"strconv"
	"strings"
)

// Codes of faults. They are stable: programs may compare them.
const (
	// CodeNotJSON marks text that is not JSON (RFC 8259).
	CodeNotJSON = "WB_NOT_JSON"
	// CodeNotXML marks text that is not well-formed XML.
	CodeNotXML = "WB_NOT_XML"
	// CodeNotUTF8 marks bytes that are not UTF-8.
	CodeNotUTF8 = "WB_NOT_UTF8"
	// CodeDuplicateMember marks a JSON object that names a member twice.
	CodeDuplicateMember = "WB_DUPLICATE_MEMBER"
	// CodeTooLarge marks a document or an event above the byte limit.
	CodeTooLarge = "WB_TOO_LARGE"
	// CodeTooManyEvents marks a document with more events than allowed.
	CodeTooManyEvents = "WB_TOO_MANY_EVENTS"
	// CodeTooDeep marks nesting beyond the limit.
	CodeTooDeep = "WB_TOO_DEEP"
	// CodeTooLong marks a string, name or number beyond the limit.
	CodeTooLong = "WB_TOO_LONG"
	// CodeTooManyFields marks an event with more values than allowed.
	CodeTooManyFields = "WB_TOO_MANY_FIELDS"
	// CodeNumberRange marks a number that no float64 can hold.
	CodeNumberRange = "WB_NUMBER_RANGE"
	// CodeRead marks a source that failed while it was read.
	CodeRead = "WB_READ"
	// CodeSchema marks a document whose frame is not EPCIS.
	CodeSchema = "WB_EPCIS_SCHEMA"
	// CodeRequired marks a missing field.
	CodeRequired = "WB_EPCIS_REQUIRED"
	// CodeType marks a value of the wrong JSON type.
	CodeType = "WB_EPCIS_TYPE"
	// CodeFormat marks a value whose spelling is wrong (URI, time, offset, unit).
	CodeFormat = "WB_EPCIS_FORMAT"
	// CodeVocabulary marks a value that is neither a CBV word nor another URI.
	CodeVocabulary = "WB_EPCIS_VOCABULARY"
	// CodeUnknownField marks a field that the standard does not define and that is no extension.
	CodeUnknownField = "WB_EPCIS_UNKNOWN_FIELD"
	// CodeNotAllowed marks a field that may not stand in this event.
	CodeNotAllowed = "WB_EPCIS_NOT_ALLOWED"
	// CodeEmpty marks a list that needs a member.
	CodeEmpty = "WB_EPCIS_EMPTY"
	// CodeRepeated marks a list member that stands twice where members must differ.
	CodeRepeated = "WB_EPCIS_REPEATED"
	// CodeContext marks a JSON-LD context that cannot be used.
	CodeContext = "WB_EPCIS_CONTEXT"
	// CodeIdentifier marks a malformed GS1 identifier.
	CodeIdentifier = "WB_EPCIS_IDENTIFIER"
	// CodeCheckDigit marks a GS1 key with a wrong check digit.
	CodeCheckDigit = "WB_EPCIS_CHECK_DIGIT"
	// CodeSensorTwice marks an attribute that stands in sensorMetadata and in its sensorReport.
	CodeSensorTwice = "WB_EPCIS_SENSOR_TWICE"
	// CodeSensorTime marks a sensor time after the event's own time.
	CodeSensorTime = "WB_EPCIS_SENSOR_TIME"
	// CodeTimeOrder marks a period that ends before it starts.
	CodeTimeOrder = "WB_EPCIS_TIME_ORDER"
	// CodeUnit marks a unit of measure that does not measure what it stands beside, or is not known.
	CodeUnit = "WB_EPCIS_UNIT"
	// CodeNegative marks an amount below zero where there can be none.
	CodeNegative = "WB_EPCIS_NEGATIVE"
	// CodeVersion marks a schemaVersion that is none of a published standard's.
	CodeVersion = "WB_EPCIS_VERSION"
	// CodeOffset marks a time that does not say its offset from UTC.
	CodeOffset = "WB_EPCIS_OFFSET"
	// CodePrefix marks a CURIE whose prefix no @context declares.
	CodePrefix = "WB_EPCIS_PREFIX"
	// CodeSequence marks an XML element before one that it must follow.
	CodeSequence = "WB_EPCIS_SEQUENCE"
	// CodeHash marks text that is not a CBV 2.0 event hash.
	CodeHash = "WB_EPCIS_HASH"
)

// Fault is one thing wrong with a document or an event.
type Fault struct { //nolint:errname // fault is the field's word; it is data as well as an error
	// Path says where: a JSON path such as $.epcisBody.eventList[3].action, or
	// an XPath such as /EPCISDocument/EPCISBody/EventList/ObjectEvent[2]/action.
	Path string
	// Code is one of the Code constants.
	Code string
	// Message explains it to a person, in English.
	Message string
}

// Error gives code, path and message.
func (f Fault) Error() string {
	if f.Path == "" {
		return f.Code + ": " + f.Message
	}
	return f.Code + ": " + f.Path + ": " + f.Message
}

// Faults are all the faults found, in the order of the document. It is never
// empty when it is returned as an error.
type Faults []Fault //nolint:errname // see Fault

// Error gives the first fault and how many others there are.
func (fs Faults) Error() string {
	switch len(fs) {
	case 0:
		return "no fault"
	case 1:
		return fs[0].Error()
	}
	var b strings.Builder
	b.WriteString(fs[0].Error())
	b.WriteString(" (and ")
	b.WriteString(strconv.Itoa(len(fs) - 1))
	b.WriteString(" more)")
	return b.String()
}

// Unwrap gives each fault, so that errors.As finds a Fault.
func (fs Faults) Unwrap() []error {
	errs := make([]error, len(fs))
	for i, f := range fs {
		errs[i] = f
	}
	return errs
}

// Has reports whether one of the faults has the code.
func (fs Faults) Has(code string) bool {
	for _, f := range fs {
		if f.Code == code {
			return true
		}
	}
	return false
}
