package epcis

import "strings"

// Form is a syntax to write documents in.
type Form uint8

// The forms.
const (
	// FormJSON is JSON-LD of EPCIS 2.0.
	FormJSON Form = iota
	// FormXML is XML of EPCIS 2.0.
	FormXML
	// FormXML12 is XML of EPCIS 1.2.
	FormXML12
)

// CodeForm marks what the form of document to be written cannot express.
const CodeForm = "WB_EPCIS_FORM"

// String gives the name that ParseForm reads.
func (f Form) String() string {
	switch f {
	case FormJSON:
		return "json"
	case FormXML:
		return "xml"
	case FormXML12:
		return "xml1.2"
	}
	return "unknown"
}

// ParseForm reads json, xml or xml1.2. The error is a Fault.
func ParseForm(s string) (Form, error) {
	switch s {
	case "json":
		return FormJSON, nil
	case "xml", "xml2.0":
		return FormXML, nil
	case "xml1.2":
		return FormXML12, nil
	}
	return 0, Fault{Code: CodeForm, Message: quote(s) + " is not json, xml or xml1.2"}
}

// xmlTimeOut writes an RFC 3339 time as XML Schema does, with capital T and Z.
func xmlTimeOut(s string) string { return strings.ToUpper(s) }
