//! Bytes: checksums, truncation, bit flips, garbage.

use super::*;

fn bytes_of<'a>(files: &'a mut ModelFiles, name: &str) -> &'a mut Vec<u8> {
    match name {
        MANIFEST_FILE => files.manifest.to_mut(),
        CONFIG_FILE => files.config.to_mut(),
        TOKENIZER_FILE => files.tokenizer.to_mut(),
        _ => files.weights.to_mut(),
    }
}

/// The files with correct checksums, whatever they hold.
fn sealed(files: &ModelFiles) -> ModelFiles {
    let [config, tokenizer, weights] = [&files.config, &files.tokenizer, &files.weights].map(|file| file.to_vec());
    with_checksums(&tiny().parts().manifest, config, tokenizer, weights)
}

#[test]
fn wrong_checksums_and_lengths() {
    let good = tiny().files();
    let manifest: Value = serde_json::from_slice(&good.manifest).unwrap();
    for file in &FILES[1..] {
        for (name, field, value, expected) in [
            ("wrong checksum", "sha256", json!("0".repeat(64)), Checksum(file, "sha256")),
            ("empty checksum", "sha256", json!(""), Checksum(file, "sha256")),
            ("endless checksum", "sha256", json!("0".repeat(1 << 20)), Checksum(file, "sha256")),
            ("wrong length", "bytes", json!(7), Checksum(file, "length")),
            ("endless length", "bytes", json!(u64::MAX), Checksum(file, "length")),
        ] {
            let mut manifest = manifest.clone();
            manifest["files"][file][field] = value;
            let files = ModelFiles { manifest: manifest.to_string().into_bytes().into(), ..good.clone() };
            assert_error(name, &files, expected, &["manifest expects"]);
        }
        let mut manifest = manifest.clone();
        remove(&mut manifest["files"], file);
        let files = ModelFiles { manifest: manifest.to_string().into_bytes().into(), ..good.clone() };
        let error = Engine::from_files(&files).unwrap_err();
        assert!(matches!(&error, LoadError::Field { field, .. } if *field == format!("files.{file}")), "{error}");
    }
}

#[test]
fn truncated_files() {
    let good = tiny().files();
    for file in FILES {
        let length = bytes_of(&mut good.clone(), file).len();
        for keep in [0, 1, 7, 8, 9, length / 4, length / 2, length - 100, length - 1] {
            let case = format!("{keep} of {length} bytes of {file}");
            let mut files = good.clone();
            bytes_of(&mut files, file).truncate(keep);
            if file == MANIFEST_FILE {
                assert_error(&case, &files, Format(file), &[]);
                assert_error_on_disk(&case, &files, Format(file));
            } else {
                assert_error(&case, &files, Checksum(file, "length"), &[&format!("{keep} bytes")]);
                assert_error_on_disk(&case, &files, Checksum(file, "length"));
                assert_error(&case, &sealed(&files), Format(file), &[]);
            }
        }
    }
}

#[test]
fn flipped_bits() {
    let good = tiny().files();
    let mut noise = Noise::new(5);
    for file in FILES {
        let length = bytes_of(&mut good.clone(), file).len();
        // Every bit of the first bytes, where formats keep their lengths, and bits from everywhere.
        let header = 0..128;
        let anywhere = (0..400).map(|_| noise.below(8 * length));
        for bit in header.chain(anywhere).collect::<Vec<_>>() {
            let case = format!("bit {bit} of {file}");
            let mut files = good.clone();
            bytes_of(&mut files, file)[bit / 8] ^= 1 << (bit % 8);
            if file == MANIFEST_FILE {
                open_and_score(&case, &files);
            } else {
                assert_error(&case, &files, Checksum(file, "sha256"), &["manifest expects"]);
                open_and_score(&case, &sealed(&files));
            }
        }
    }
}

#[test]
fn garbage() {
    let good = tiny().files();
    for file in FILES {
        for garbage in
            [&b""[..], b"garbage", b"{", b"\0\0\0\0\0\0\0\0", b"\xff\xfe\xfd", b"null", b"12", b"\"\n\"", b"{}x"]
        {
            let case = format!("{file} of {:?}", String::from_utf8_lossy(garbage));
            let mut files = good.clone();
            *bytes_of(&mut files, file) = garbage.to_vec();
            let files = if file == MANIFEST_FILE { files } else { sealed(&files) };
            let error = Engine::from_files(&files).expect_err(&case);
            assert_readable(&case, &error);
            assert!(error.to_string().starts_with(file), "{case}: {error}");
        }
    }
    // Nested too deep for a parser that recurses.
    let deep = "[".repeat(1 << 20);
    for file in FILES {
        let mut files = good.clone();
        *bytes_of(&mut files, file) = deep.clone().into_bytes();
        open_and_score(file, &if file == MANIFEST_FILE { files } else { sealed(&files) });
    }
}

#[test]
fn a_checkpoint_that_claims_more_than_it_holds() {
    let good = tiny().files();
    let checkpoint =
        |header: &str, data: usize| [&(header.len() as u64).to_le_bytes(), header.as_bytes(), &vec![0; data]].concat();
    for header in [
        r#"{"embeddings.word_embeddings.weight":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,8]}}"#,
        r#"{"embeddings.word_embeddings.weight":{"dtype":"F32","shape":[18446744073709551615],"data_offsets":[0,8]}}"#,
        r#"{"embeddings.word_embeddings.weight":{"dtype":"F32","shape":[2],"data_offsets":[0,18446744073709551615]}}"#,
        r#"{"embeddings.word_embeddings.weight":{"dtype":"F32","shape":[2],"data_offsets":[8,0]}}"#,
        r#"{"embeddings.word_embeddings.weight":{"dtype":"Q3","shape":[2],"data_offsets":[0,8]}}"#,
    ] {
        let files = ModelFiles { weights: checkpoint(header, 8).into(), ..good.clone() };
        assert_error(header, &sealed(&files), Format(WEIGHTS_FILE), &[]);
    }
    let claims_a_long_header = [u64::MAX.to_le_bytes(), [0; 8]].concat();
    let files = ModelFiles { weights: claims_a_long_header.into(), ..good.clone() };
    assert_error("header of 2^64 - 1 bytes", &sealed(&files), Format(WEIGHTS_FILE), &[]);
    // Well-formed, and the tensor is there, but nothing like the configuration says.
    let header = r#"{"embeddings.word_embeddings.weight":{"dtype":"F32","shape":[0,16],"data_offsets":[0,0]}}"#;
    let files = ModelFiles { weights: checkpoint(header, 0).into(), ..good };
    assert_error("no row", &sealed(&files), Expected::Tensor(weights::WORDS), &["found shape [0, 16]"]);
}
