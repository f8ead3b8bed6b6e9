package epcis

import (
	"bufio"
	"strconv"
)

// maxTagMembers bounds the attributes and the namespaces of one tag.
const maxTagMembers = 2 * maxDocumentMembers

// tagReader passes XML on and counts the attributes of each tag. The parser behind it
// reads a tag as a whole, and what it makes of an attribute of five bytes takes a
// hundred.
type tagReader struct {
	in    *bufio.Reader
	state tagState
	quote byte
	// match is how much of an opening or of an end has been seen.
	match   int
	members int
}

type tagState uint8

const (
	inText        tagState = iota
	atTag                  // behind <
	atBang                 // behind <!
	inTag                  // inside a start or end tag
	inQuote                // inside an attribute's value
	inComment              // up to -->
	inCDATA                // up to ]]>
	inInstruction          // up to ?>, whatever stands in it
	inOther                // up to >
)

// ReadByte implements io.ByteReader.
func (r *tagReader) ReadByte() (byte, error) {
	c, err := r.in.ReadByte()
	if err != nil {
		return 0, err //nolint:wrapcheck // io.EOF must stay as it is
	}
	return c, r.next(c)
}

// Read implements io.Reader.
func (r *tagReader) Read(p []byte) (int, error) {
	n, err := r.in.Read(p)
	for i, c := range p[:n] {
		if fault := r.next(c); fault != nil {
			return i, fault
		}
	}
	return n, err //nolint:wrapcheck // io.EOF must stay as it is
}

func (r *tagReader) next(c byte) error {
	switch r.state {
	case inText:
		if c == '<' {
			r.state = atTag
		}
	case atTag:
		switch c {
		case '!':
			r.state, r.match = atBang, 0
		case '?':
			r.state, r.match = inInstruction, 0
		default:
			r.state, r.members = inTag, 0
		}
	case atBang:
		switch {
		case c == '-' && r.match == 1:
			r.state, r.match = inComment, 0
		case c == '-':
			r.match = 1
		case c == '[':
			r.state, r.match = inCDATA, 0
		default:
			r.state = inOther
		}
	case inTag:
		switch c {
		case '>':
			r.state = inText
		case '"', '\'':
			r.state, r.quote = inQuote, c
		case '=':
			if r.members++; r.members > maxTagMembers {
				return fatal("/", CodeTooManyFields, "more than "+strconv.Itoa(maxTagMembers)+" attributes")
			}
		}
	case inQuote:
		if c == r.quote {
			r.state = inTag
		}
	case inComment:
		r.ends(c, '-')
	case inCDATA:
		r.ends(c, ']')
	case inInstruction:
		switch {
		case c == '?':
			r.match = 1
		case c == '>' && r.match == 1:
			r.state = inText
		default:
			r.match = 0
		}
	case inOther:
		if c == '>' {
			r.state = inText
		}
	}
	return nil
}

// ends watches for two marks and a >.
func (r *tagReader) ends(c, mark byte) {
	switch {
	case c == mark:
		r.match = min(r.match+1, 2)
	case c == '>' && r.match == 2:
		r.state = inText
	default:
		r.match = 0
	}
}
