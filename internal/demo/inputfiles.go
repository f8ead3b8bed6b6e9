package demo

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/waybill-dev/waybill/analytics/simulate"
	"github.com/waybill-dev/waybill/api/ingest"
	"github.com/waybill-dev/waybill/chaincode/ledger"
)

// Input is the user's own files.
type Input struct {
	// Paths are files and folders; folders are searched at any depth.
	Paths []string
	// Unit of temperatures in CSV files.
	Unit ingest.Unit
	// Policy by its id, for readings from CSV files; empty: the one whose range holds most of them.
	Policy string
}

// Files is what Collect found.
type Files struct {
	Documents []string
	Readings  []ReadingFile
	// Unreadable files are readings by their name and cannot be read as such.
	Unreadable []FileFault
	// Ignored files are neither documents nor readings by their name.
	Ignored int
}

// ReadingFile is a CSV file, read, and the policy that it is judged by.
type ReadingFile struct {
	Path   string
	Series *Series
	Policy ledger.Policy
	// Note says what is odd about the choice of the policy; empty if nothing is.
	Note string
}

// FileFault is why a file cannot be used.
type FileFault struct {
	File string `json:"file"`
	Fault
}

// Collect finds and checks the user's files. What is not named by its user and ends in anything but .json, .jsonld, .xml
// and .csv is passed over; readings that cannot be read are told of as Unreadable, and are an error only
// if there is nothing else.
func Collect(in Input) (Files, error) {
	if err := in.Check(); err != nil {
		return Files{}, err
	}
	var out Files
	var unreadable []error
	add := func(path string, named bool) error {
		if len(out.Documents)+len(out.Readings)+len(out.Unreadable) >= maxFiles {
			return fmt.Errorf("%w: more than %d files", ErrInput, maxFiles)
		}
		switch strings.ToLower(filepath.Ext(path)) {
		case ".json", ".jsonld", ".xml":
			out.Documents = append(out.Documents, path)
		case ".csv":
			file, err := readFile(path, in)
			if err != nil {
				out.Unreadable = append(out.Unreadable, FileFault{path, faultOf(err)})
				if len(unreadable) < shownFaults {
					unreadable = append(unreadable, fmt.Errorf("%s: %w", path, err))
				}
				return nil
			}
			out.Readings = append(out.Readings, file)
		default:
			if named {
				return fmt.Errorf("%w: %s is not a document (.json, .jsonld, .xml) and not readings (.csv)", ErrInput, path)
			}
			out.Ignored++
		}
		return nil
	}
	for _, path := range in.Paths {
		info, err := os.Stat(path)
		if err != nil {
			return out, fmt.Errorf("%w: %w", ErrInput, err)
		}
		if !info.IsDir() {
			if err := add(path, true); err != nil {
				return out, err
			}
			continue
		}
		if err := filepath.WalkDir(path, func(path string, d fs.DirEntry, err error) error {
			if err != nil || !d.Type().IsRegular() {
				return err
			}
			return add(path, false)
		}); err != nil {
			return out, err
		}
	}
	if len(out.Documents)+len(out.Readings) == 0 {
		if len(unreadable) > 0 {
			return out, fmt.Errorf("%w: %w", ErrInput, errors.Join(unreadable...))
		}
		return out, fmt.Errorf("%w: no document (.json, .jsonld, .xml) and no readings (.csv) in %s", ErrInput, strings.Join(in.Paths, ", "))
	}
	return out, nil
}

// Check says, with ErrInput, that the unit or the policy is none.
func (in Input) Check() error {
	if !slices.Contains([]ingest.Unit{"", ingest.Celsius, ingest.Fahrenheit, ingest.Kelvin}, in.Unit) {
		return fmt.Errorf("%w: unit %q is not celsius, fahrenheit or kelvin", ErrInput, string(in.Unit))
	}
	_, _, err := policyFor(in.Policy, nil)
	return err
}

// readFile reads a file of readings and chooses its policy.
func readFile(path string, in Input) (ReadingFile, error) {
	f, err := os.Open(path) //nolint:gosec // the user names the file
	if err != nil {
		return ReadingFile{}, err
	}
	defer f.Close() //nolint:errcheck // read only
	series, err := ReadSeries(f, in.Unit)
	if err != nil {
		return ReadingFile{}, err
	}
	policy, note, err := policyFor(in.Policy, series.celsius())
	return ReadingFile{path, series, policy, note}, err
}

// policyFor gives the policy of that id, or the one whose recommended range holds most of the values,
// or, if none holds any, the one that they lie nearest to, with a note that says so.
func policyFor(id string, celsius []int32) (ledger.Policy, string, error) {
	all := simulate.Policies()
	if id != "" {
		at := slices.IndexFunc(all, func(p ledger.Policy) bool { return p.ID == id })
		if at < 0 {
			var ids []string
			for _, p := range all {
				ids = append(ids, p.ID)
			}
			return ledger.Policy{}, "", fmt.Errorf("%w: no policy %q; there are %s", ErrInput, id, strings.Join(ids, ", "))
		}
		return all[at], "", nil
	}
	best, held := nearest(all, celsius)
	if held > 0 || len(celsius) == 0 {
		return best, "", nil
	}
	note := fmt.Sprintf("no policy's range holds any of these temperatures, %.1f to %.1f °C; %s is only the nearest, --policy names another",
		float64(slices.Min(celsius))/1000, float64(slices.Max(celsius))/1000, best.ID)
	for _, other := range []struct {
		unit ingest.Unit
		in   func(milli int64) int64
	}{
		{ingest.Fahrenheit, func(milli int64) int64 { return (milli - 32_000) * 5 / 9 }},
		{ingest.Kelvin, func(milli int64) int64 { return milli - 273_150 }},
	} {
		read := make([]int32, len(celsius))
		for i, v := range celsius {
			read[i] = int32(other.in(int64(v))) //nolint:gosec // nearer to zero than a temperature in int32, or below it by 273,150
		}
		if fits, held := nearest(all, read); 2*held > len(read) {
			return best, fmt.Sprintf("%s; taken as %s they fit %s: is it --unit %[2]s?", note, other.unit, fits.ID), nil
		}
	}
	return best, note, nil
}

// nearest is the policy whose recommended range holds most of the values, and how many; of those that
// hold as many, the one whose range the others lie nearest to.
func nearest(all []ledger.Policy, values []int32) (best ledger.Policy, held int) {
	least := int64(0)
	for i, p := range all {
		in, away := 0, int64(0)
		for _, v := range values {
			switch {
			case v < p.Low:
				away += int64(p.Low) - int64(v)
			case v > p.High:
				away += int64(v) - int64(p.High)
			default:
				in++
			}
		}
		if i == 0 || in > held || in == held && away < least {
			best, held, least = p, in, away
		}
	}
	return best, held
}
