package epcis

// Standard reports whether s is one of the business steps of CBV 2.0, as a bare word.
func (s BizStep) Standard() bool { return isBizStep(string(s)) }

// Standard reports whether d is one of the dispositions of CBV 2.0, as a bare word.
func (d Disposition) Standard() bool { return isDisposition(string(d)) }

// StandardTransactionType reports whether s is one of the business transaction
// types of CBV 2.0, as a bare word.
func StandardTransactionType(s string) bool { return isTransactionType(s) }

// StandardMeasurementType reports whether s is one of the measurement types of the
// GS1 Web Vocabulary, as a bare word.
func StandardMeasurementType(s string) bool { return isMeasurementType(s) }

// Name splits the name of a field or the CURIE of a term into its namespace and
// the rest; put together they are the full URI. A CURIE splits at its prefix when
// the context or GS1's own declares it, another URI after its last '/', '#' or
// ':'; a bare word has no namespace.
func (c *Context) Name(name string) (namespace, local string) { return c.name(name) }
