// Package query is the query language of EPCIS 2.0: the parameters of
// SimpleEventQuery as a URL query string or as the JSON body of a named query
// become a Query, which is valid by its type, or Faults.
//
// It owns the parameters and what they mean, conversion between the units of
// UN/CEFACT Recommendation 20, and a plain filter in memory that says what every
// store must answer. It imports epcis and the standard library, and neither a
// store, nor HTTP serving, nor a ledger.
//
// # What the standard leaves open
//
// Each parameter must hold by itself: two parameters may be satisfied by two
// different members of a list of the same event. A value given as an EPC URN and
// its Digital Link are one value. A custom word matches in the spelling that the
// event has, and written out. The names in the published JSON Schema hold a
// backslash before the colon by mistake; here a name is prefix:field, or
// namespace#field as in EPCIS 1.2.
package query
