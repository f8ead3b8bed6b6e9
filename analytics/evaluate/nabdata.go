package evaluate

import (
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strconv"
	"time"

	"github.com/waybill-dev/waybill/analytics/detect/series"
	"github.com/waybill-dev/waybill/chaincode/ledger"
)

// NABFile is a series of the benchmark with its labels.
type NABFile struct {
	Key     string // folder/name.csv
	Times   []time.Time
	Values  []float64
	Windows []NABWindow
}

// ReadNAB reads the benchmark's folder: labels/combined_windows.json, and each of its series below
// data. The files come in the order of their keys.
func ReadNAB(dir fs.FS) ([]NABFile, error) {
	raw, err := fs.ReadFile(dir, "labels/combined_windows.json")
	if err != nil {
		return nil, fmt.Errorf("evaluate: %w", err)
	}
	var labels map[string][][2]string
	if err := json.Unmarshal(raw, &labels); err != nil {
		return nil, fmt.Errorf("%w: labels: %w", ErrSeries, err)
	}
	files := make([]NABFile, 0, len(labels))
	for _, key := range slices.Sorted(maps.Keys(labels)) {
		file := NABFile{Key: key}
		for _, w := range labels[key] {
			from, err := nabTime(w[0])
			if err != nil {
				return nil, fmt.Errorf("%w: window of %s: %w", ErrSeries, key, err)
			}
			to, err := nabTime(w[1])
			if err != nil {
				return nil, fmt.Errorf("%w: window of %s: %w", ErrSeries, key, err)
			}
			file.Windows = append(file.Windows, NABWindow{from, to})
		}
		if err := file.read(dir); err != nil {
			return nil, err
		}
		files = append(files, file)
	}
	return files, nil
}

func (f *NABFile) read(dir fs.FS) error {
	in, err := dir.Open(path.Join("data", f.Key))
	if err != nil {
		return fmt.Errorf("evaluate: %w", err)
	}
	defer in.Close() //nolint:errcheck // only read
	rows := csv.NewReader(in)
	rows.FieldsPerRecord = 2
	rows.ReuseRecord = true
	for line := 1; ; line++ {
		row, err := rows.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("%w: %s: %w", ErrSeries, f.Key, err)
		}
		if line == 1 {
			continue // the header
		}
		at, err := nabTime(row[0])
		if err != nil {
			return fmt.Errorf("%w: %s line %d: %w", ErrSeries, f.Key, line, err)
		}
		value, err := strconv.ParseFloat(row[1], 64)
		if err != nil {
			return fmt.Errorf("%w: %s line %d: %w", ErrSeries, f.Key, line, err)
		}
		f.Times, f.Values = append(f.Times, at), append(f.Values, value)
	}
}

func nabTime(s string) (time.Time, error) { return time.Parse("2006-01-02 15:04:05", s) }

// Run scores the file as it would have been scored live.
func (f *NABFile) Run(set series.Settings) ([]series.Result, error) {
	scorer, err := series.New(set)
	if err != nil {
		return nil, err
	}
	out := make([]series.Result, len(f.Values))
	for i, v := range f.Values {
		if out[i], err = scorer.Observe(ledger.MillisOf(f.Times[i]), v); err != nil {
			return nil, fmt.Errorf("%s row %d: %w", f.Key, i+1, err)
		}
	}
	return out, nil
}

// NABRun scores every file with the same settings.
func NABRun(files []NABFile, set series.Settings) ([]*NABSeries, error) {
	out := make([]*NABSeries, len(files))
	for i := range files {
		results, err := files[i].Run(set)
		if err != nil {
			return nil, err
		}
		scores := make([]float64, len(results))
		for j, r := range results {
			scores[j] = r.Score
		}
		if out[i], err = NewNABSeries(files[i].Key, files[i].Times, scores, files[i].Windows); err != nil {
			return nil, err
		}
	}
	return out, nil
}
