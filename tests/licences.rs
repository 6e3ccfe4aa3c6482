//! Every crate linked into the program, or used to test it, is under a licence that lets the program be MIT.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::process::Command;

/// Licences that ask for no more than to be named. No copyleft: nothing GPL is linked in.
const ALLOWED: [&str; 12] = [
    "MIT",
    "MIT-0",
    "Apache-2.0",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "ISC",
    "Zlib",
    "Unlicense",
    "CC0-1.0",
    "0BSD",
    "Unicode-3.0",
    // File-based: it binds changes to those files only.
    "MPL-2.0",
];

#[test]
fn every_crate_may_be_used_in_a_program_under_mit() {
    let metadata =
        Command::new(env!("CARGO")).args(["metadata", "--format-version", "1", "--locked"]).output().unwrap();
    assert!(metadata.status.success(), "{}", String::from_utf8_lossy(&metadata.stderr));
    let metadata: serde_json::Value = serde_json::from_slice(&metadata.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    assert!(packages.len() > 100, "all the crates are looked at");
    let mut faults = Vec::new();
    for package in packages {
        let named = match package["license"].as_str() {
            Some(named) => named,
            None if has_mit_file(package) => "MIT",
            None => "none",
        };
        // An old way to write OR.
        let expression = named.replace('/', " OR ");
        let is_allowed = spdx::Expression::parse(&expression).is_ok_and(|expression| {
            expression.evaluate(|wanted| wanted.license.id().is_some_and(|id| ALLOWED.contains(&id.name)))
        });
        if !is_allowed {
            faults.push(format!("{} {}: {named}", package["name"], package["version"]));
        }
    }
    assert!(faults.is_empty(), "{faults:#?}");
}

/// True for a crate that gives its licence as a file only, and that file is MIT's.
fn has_mit_file(package: &serde_json::Value) -> bool {
    let folder = std::path::Path::new(package["manifest_path"].as_str().unwrap()).parent().unwrap().to_owned();
    let file = package["license_file"].as_str().unwrap_or("LICENSE");
    let text = std::fs::read_to_string(folder.join(file)).unwrap_or_default();
    text.contains("Permission is hereby granted, free of charge, to any person obtaining a copy")
}
