use super::*;

#[test]
fn every_form_of_the_same_list_reads_the_same() {
    for text in [
        "zero\none, two\n",
        "zero\r\none, two\r\n\r\n",
        "\"zero\"\n\"one, two\"\n",
        "'zero'\n'one, two'\n",
        "0,zero\n1,\"one, two\"\n",
        "index,label\n1,one, two\n0,zero\n",
        "[\"zero\", \"one, two\"]",
        "{\"1\": \"one, two\", \"0\": \"zero\"}",
        "{\"zero\": 0, \"one, two\": 1}",
        "{\"one, two\": \"1\", \"zero\": \"0\"}",
        "{\"id2label\": {\"0\": \"zero\", \"1\": \"one, two\"}, \"label2id\": {\"zero\": 0}}",
        "{\"label2id\": {\"zero\": 0, \"one, two\": 1}}",
        "[{\"id\": 1, \"name\": \"one, two\"}, {\"id\": 0, \"name\": \"zero\"}]",
        "{\"categories\": [{\"id\": 1, \"name\": \"zero\"}, {\"id\": 2, \"name\": \"one, two\"}]}",
        "[{\"label\": \"zero\"}, {\"label\": \"one, two\"}]",
        "1,zero\n2,\"one, two\"\n",
        "id;name\n0;zero\n1;one, two\n",
        "0\tzero\n1\tone, two\n",
        "\"0\",\"zero\"\n\"1\",\"one, two\"\n",
        "1 zero\n2 one, two\n",
        "0   'zero'\n1   ' one, two'\n",
        "0: zero\n1: one, two\n",
        "zero 0\none, two 1\n",
        "zero: 0\none, two: 1\n",
        "zero,0\n\"one, two\",1\n",
        "label;index\none, two;2\nzero;1\n",
        "zero, 0\none, two, 1\n",
        "id,split,name,count\n0,a,zero,7\n1,b,\"one, two\",9\n",
        "name,count\nzero,7\n\"one, two\",9\n",
        "label,name\n1,\"one, two\"\n0,zero\n",
        "Index,Class Name,Count\n0,zero,7\n1,\"one, two\",9\n",
        "[{\"idx\": 1, \"name\": \"one, two\"}, {\"idx\": 0, \"name\": \"zero\"}]",
        "{\"id\": 0, \"name\": \"zero\"}\n{\"id\": 1, \"name\": \"one, two\"}\n",
        "0. zero\n1. one, two\n",
        "0) zero\n1) one, two\n",
        "0=zero\n1=one, two\n",
        "0 - zero\n1 - one, two\n",
        "zero = 0\none, two = 1\n",
        "zero - 0\none, two - 1\n",
        "\"0\": \"zero\",\n\"1\": \"one, two\"\n",
        "\"zero\",\n\"one, two\"\n",
        "- zero\n- one, two\n",
        "names:\n  - zero\n  - 'one, two'\n",
        "names:\n  0: zero\n  1: one, two\n",
    ] {
        assert_eq!(parse(text).unwrap(), ["zero", "one, two"], "{text:?}");
    }
}

#[test]
fn quotes_inside_names_are_kept() {
    let names = ["play \"tag\"", "the \"end\""];
    assert_eq!(parse(&names.join("\n")).unwrap(), names);
    for text in [
        "\"play \"\"tag\"\"\"\n\"the \"\"end\"\"\"\n",
        "[\"play \\\"tag\\\"\", \"the \\\"end\\\"\"]",
        "0,\"play \"\"tag\"\"\"\n1,the \"end\"\n",
        "play \"tag\" 0\nthe \"end\" 1\n",
        "0: play \"tag\"\n1: the \"end\"\n",
    ] {
        assert_eq!(parse(text).unwrap(), names, "{text:?}");
    }
    assert_eq!(parse("'it''s'\n'so'\n").unwrap(), ["it's", "so"]);
}

#[test]
fn numbers_that_are_no_indices_belong_to_the_names() {
    for names in [
        ["3 steps forward", "3 steps back"],
        ["take, 1", "take, 2"],
        ["scene, 3", "shot, 5"],
        ["scene", "shot, 0"],
        ["apollo 11", "apollo 13"],
        ["-5 degrees", "-6 degrees"],
        ["1.5 turns", "2.7 flips"],
    ] {
        assert_eq!(parse(&names.join("\n")).unwrap(), names);
    }
}

#[test]
fn a_table_without_a_column_of_names_is_refused_with_its_columns() {
    for (text, columns) in [
        (
            "id,key,instances,category\n0,take,\"['a', 'b']\",x\n1,put,[],y\n",
            "id, key, instances, category",
        ),
        (
            "verb_id,verb,count\n0,take,7\n1,put,9\n",
            "verb_id, verb, count",
        ),
        ("0,take,7\n1,put,9\n", "3 columns"),
        ("take,7,0\nput,9,1\n", "3 columns"),
        (
            "[{\"class_idx\": 0, \"title\": \"a\"}, {\"class_idx\": 1, \"title\": \"b\"}]",
            "class_idx, title",
        ),
    ] {
        let error = parse(text).unwrap_err();
        assert!(error.contains(columns), "{text}: {error}");
    }
}

#[test]
fn columns_that_number_the_classes_in_two_ways_are_not_chosen_between() {
    for text in [
        "[{\"rank\": 1, \"name\": \"b\"}, {\"rank\": 0, \"name\": \"a\"}]",
        "name,position\nb,2\na,1\n",
        "id,label_id,name\n0,1,b\n1,0,a\n",
    ] {
        let error = parse(text).unwrap_err();
        assert!(error.contains("leave"), "{text}: {error}");
    }
    // Numbers that are no indices are beside the point.
    for text in ["name,count\nb,9\na,9\n", "id,label_id,name\n0,1,b\n1,2,a\n"] {
        assert_eq!(parse(text).unwrap(), ["b", "a"]);
    }
}

#[test]
fn what_only_looks_like_json_is_told_how_json_is_written() {
    for text in ["['a', 'b']", "{0: 'a', 1: 'b'}"] {
        let error = parse(text).unwrap_err();
        assert!(error.contains("json.dump"), "{error}");
    }
}

#[test]
fn a_heading_is_no_name_where_the_classes_are_counted() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "label\na\nb\n").unwrap();
    let source = LabelSource::File(file.path().to_path_buf());
    assert_eq!(source.read(Some(2)).unwrap(), ["a", "b"]);
    assert_eq!(source.read(Some(3)).unwrap(), ["label", "a", "b"]);
}

#[test]
fn what_is_no_list_of_names_is_quoted_in_short() {
    let long = format!("{{\"boxes\": [{}1]}}", "1,".repeat(1000));
    let error = parse(&long).unwrap_err();
    assert!(error.len() < 120, "{error}");
}

#[test]
fn gaps_and_repeated_indices_are_errors() {
    for text in [
        "0,a\n2,b\n",
        "0,a\n0,b\n",
        "{\"0\": \"a\", \"5\": \"b\"}",
        "{\"a\": \"0\", \"b\": \"5\"}",
        "[{\"id\": 0, \"name\": \"a\"}, {\"id\": 7, \"name\": \"b\"}]",
        "id,name\n0,a\n5,b\n",
        "",
    ] {
        assert!(parse(text).is_err(), "{text:?}");
    }
}

#[test]
fn utf16_is_read() {
    let file = tempfile::NamedTempFile::new().unwrap();
    for order in [u16::to_le_bytes, u16::to_be_bytes] {
        let text = "\u{feff}zero\r\neins\r\n";
        let bytes: Vec<u8> = text.encode_utf16().flat_map(order).collect();
        std::fs::write(file.path(), bytes).unwrap();
        let labels = LabelSource::File(file.path().to_path_buf()).read(Some(2));
        assert_eq!(labels.unwrap(), ["zero", "eins"]);
    }
}

#[test]
fn a_file_that_is_not_there_is_told_from_a_list_that_is_built_in() {
    let error = LabelSource::parse("names").read(None).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("kinetics400, ucf101, hmdb51-sorted"),
        "{error}"
    );
}

#[test]
fn a_data_set_with_two_orders_is_not_guessed() {
    for (name, orders) in [
        ("hmdb51", ["hmdb51-sorted", "hmdb51-tsn"]),
        (
            "Something-v1",
            ["something-v1-official", "something-v1-sorted"],
        ),
    ] {
        let error = LabelSource::parse(name).read(None).unwrap_err().to_string();
        assert!(orders.iter().all(|order| error.contains(order)), "{error}");
    }
}

#[test]
fn a_wrong_count_names_both_numbers() {
    let error = LabelSource::parse("UCF101")
        .read(Some(102))
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("101 names") && error.contains("102 classes"),
        "{error}"
    );
}

#[test]
fn lines_whose_indices_are_almost_complete_are_no_names() {
    for (text, reason) in [
        (
            "0 a\n1 b\n2 c\n2 d\n",
            "index 3 is missing or 2 is there twice",
        ),
        (
            "0 a\n1 b\n2 c\n4 d\n",
            "index 3 is missing or 4 is there twice",
        ),
    ] {
        assert_eq!(parse(text).unwrap_err(), reason);
    }
    assert!(parse("50 m run\n100 m run\n200 m run\n").is_ok());
}

#[test]
fn lines_that_begin_with_a_hash_are_comments() {
    for text in [
        "# my classes\nzero\none\n",
        "#classes\n\nzero\n# between\none\n",
        "# index,label\n0,zero\n1,one\n",
        "#,name\n0,zero\n1,one\n",
        "# a list\n- zero\n- one\n",
    ] {
        assert_eq!(parse(text).unwrap(), ["zero", "one"], "{text:?}");
    }
    // Nothing else is there.
    assert_eq!(parse("#one\n#two\n").unwrap(), ["#one", "#two"]);
}
