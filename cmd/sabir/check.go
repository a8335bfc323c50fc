package main

import (
	"fmt"

	"github.com/sabir-ipc/sabir/idl"
)

// checkService refuses a description in which something is missing that the
// rest of the program follows without looking. It may come from anybody.
func checkService(s *idl.Service) error {
	for i := range s.Members {
		m := &s.Members[i]
		where := s.Name + "." + m.Name
		if m.Kind != idl.Method && m.Item == nil {
			return fmt.Errorf("the description does not fit: %s has no item", where)
		}
		if err := checkFields(where, m.Params); err != nil {
			return err
		}
		if err := checkFields(where, m.Result); err != nil {
			return err
		}
		if err := checkType(where, m.Item); err != nil {
			return err
		}
	}
	for i := range s.Types {
		if err := checkType(s.Name+"."+s.Types[i].Name, &s.Types[i].Type); err != nil {
			return err
		}
	}
	for i := range s.Errors {
		if err := checkFields(s.Name+"."+s.Errors[i].Name, s.Errors[i].Fields); err != nil {
			return err
		}
	}
	return nil
}

func checkFields(where string, fields []idl.Field) error {
	for i := range fields {
		if err := checkType(where, &fields[i].Type); err != nil {
			return err
		}
	}
	return nil
}

func checkType(where string, t *idl.Type) error {
	if t == nil {
		return nil
	}
	if (t.Kind == idl.List || t.Kind == idl.Map) && t.Of == nil {
		return fmt.Errorf("the description does not fit: a %s in %s is of nothing", t.Kind, where)
	}
	for i := range t.Options {
		if err := checkType(where, t.Options[i].Type); err != nil {
			return err
		}
	}
	if err := checkFields(where, t.Fields); err != nil {
		return err
	}
	return checkType(where, t.Of)
}
