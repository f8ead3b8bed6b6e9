package query

import (
	"strconv"
	"strings"
)

// Codes of faults. They are stable: programs may compare them.
const (
	// CodeSyntax marks a query that is not a JSON object.
	CodeSyntax = "WB_QUERY_SYNTAX"
	// CodeUnknown marks a parameter that the standard does not define.
	CodeUnknown = "WB_QUERY_UNKNOWN"
	// CodeValue marks a value of the wrong type or spelling.
	CodeValue = "WB_QUERY_VALUE"
	// CodeRepeated marks a parameter with one value that is given twice.
	CodeRepeated = "WB_QUERY_REPEATED"
	// CodeConflict marks parameters that may not stand together.
	CodeConflict = "WB_QUERY_CONFLICT"
	// CodePrefix marks a name whose prefix no context declares.
	CodePrefix = "WB_QUERY_PREFIX"
	// CodeLimit marks a query beyond the limits of this package.
	CodeLimit = "WB_QUERY_LIMIT"
	// CodeTooLarge marks a result with more events than maxEventCount allows.
	CodeTooLarge = "WB_QUERY_TOO_LARGE"
)

// Bounds of a query.
const (
	// MaxBody bounds a JSON query, in bytes.
	MaxBody = 1 << 20
	// MaxParameters bounds the number of parameters.
	MaxParameters = 256
	// MaxValues bounds the number of values of all parameters together.
	MaxValues = 10_000
	// MaxValue bounds one value or name, in bytes.
	MaxValue = 4096
	// MaxPerPage bounds how many results a page may be asked for.
	MaxPerPage = 1000
	maxFaults  = 50
)

// Fault is one thing wrong with a query.
type Fault struct { //nolint:errname // a fault of a query, named as the standard's text speaks of it
	// Parameter is the name of the parameter; empty for the query as a whole.
	Parameter string
	// Code is one of the Code constants.
	Code string
	// Message explains it to a person, in English.
	Message string
}

// Error gives code, parameter and message.
func (f Fault) Error() string {
	if f.Parameter == "" {
		return f.Code + ": " + f.Message
	}
	return f.Code + ": " + f.Parameter + ": " + f.Message
}

// Faults are all the faults of a query, in the order of its parameters. It is
// never empty when it is returned as an error.
type Faults []Fault //nolint:errname // see Fault

// Error gives the first fault and how many others there are.
func (fs Faults) Error() string {
	switch len(fs) {
	case 0:
		return "no fault"
	case 1:
		return fs[0].Error()
	}
	return fs[0].Error() + " (and " + strconv.Itoa(len(fs)-1) + " more)"
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

// Unwrap gives each fault, so that errors.As finds a Fault.
func (fs Faults) Unwrap() []error {
	errs := make([]error, len(fs))
	for i, f := range fs {
		errs[i] = f
	}
	return errs
}

// shown is a value as a message repeats it.
func shown(s string) string {
	const most = 80
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "") + "…"
	}
	return strconv.Quote(s)
}
