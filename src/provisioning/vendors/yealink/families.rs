//! Yealink's firmware families: the number in a common file's name is the first number of the firmware's version.
//!
//! A table to cross-check with, not a whitelist: new families appear (reference vendors.md §3.1).

/// Family number and the models that run it.
const FAMILIES: &[(u32, &[&str])] = &[
    (0, &["T28P"]),
    (4, &["T26P"]),
    (5, &["T22P"]),
    (7, &["T20P"]),
    (18, &["T18"]),
    (23, &["VP530", "VP530P"]),
    (25, &["W52P", "W56P"]),
    (28, &["T46G"]),
    (29, &["T42G"]),
    (32, &["T32G"]),
    (35, &["T48G"]),
    (36, &["T41P"]),
    (37, &["CP860"]),
    (38, &["T38G"]),
    (44, &["T23P", "T23G"]),
    (45, &["T27P"]),
    (46, &["T29G"]),
    (51, &["T49G"]),
    (52, &["T21P_E2"]),
    (53, &["T19P_E2"]),
    (54, &["T40P"]),
    (56, &["T56A"]),
    (58, &["T58A", "T58V"]),
    (65, &["T48S"]),
    (66, &["T46S"]),
    (67, &["T42S"]),
    (68, &["T41S"]),
    (69, &["T27G"]),
    (70, &["T54S"]),
    (73, &["CP960"]),
    (74, &["T52S"]),
    (76, &["T40G"]),
    (77, &["W60B"]),
    (78, &["CP920"]),
    (91, &["VP59"]),
    (95, &["T53", "T53W"]),
    (96, &["T54W"]),
    (97, &["T57W"]),
    (107, &["T43U"]),
    (108, &["T46U"]),
    (109, &["T48U"]),
    (116, &["T42U"]),
    (123, &["T31G"]),
    (124, &["T33G"]),
    (143, &["CP965"]),
    (146, &["W70B"]),
    (148, &["CP925"]),
    (150, &["T58W"]),
    (171, &["T34W"]),
    (172, &["T31W"]),
    (174, &["T44W"]),
    (175, &["W80"]),
    (180, &["AX83H"]),
    (182, &["AX86R"]),
    (183, &["T73W"]),
    (184, &["T74W"]),
    (186, &["T73U"]),
    (187, &["T74U"]),
    (188, &["T77U"]),
    (192, &["T88V", "T88W"]),
    (196, &["T85W"]),
    (197, &["T87W"]),
];

/// The models known to run firmware of this family; none for a family not known.
pub fn models(family: u32) -> &'static [&'static str] {
    FAMILIES.iter().find(|(number, _)| *number == family).map_or(&[], |(_, models)| models)
}

/// Whether a model of this name is known.
pub fn is_model(name: &str) -> bool {
    FAMILIES.iter().any(|(_, models)| models.contains(&name))
}

/// The name of the common file a model asks for; `None` for a model not known.
pub fn common_file(model: &str) -> Option<String> {
    let (family, _) = FAMILIES.iter().find(|(_, models)| models.contains(&model))?;
    Some(format!("y{family:012}.cfg"))
}

/// Whether a phone that claims this model and firmware would ask for this family's common file. Claims nothing, fits.
pub fn fits(family: u32, model: Option<&str>, firmware: Option<&str>) -> bool {
    let by_firmware = firmware.map(|version| version.split('.').next() == Some(family.to_string().as_str()));
    let by_model = model.filter(|model| is_model(model)).map(|model| models(family).contains(&model));
    match (by_firmware, by_model) {
        (None, None) => true,
        (firmware, model) => firmware == Some(true) || model == Some(true),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_are_in_order_and_each_once() {
        assert!(FAMILIES.windows(2).all(|pair| pair[0].0 < pair[1].0));
    }

    #[test]
    fn common_files_have_twelve_digits() {
        assert_eq!(common_file("T46S").as_deref(), Some("y000000000066.cfg"));
        assert_eq!(common_file("T85W").as_deref(), Some("y000000000196.cfg"));
        assert_eq!(common_file("T99X"), None);
    }

    #[test]
    fn a_new_model_fits_by_its_firmware() {
        assert!(fits(210, Some("T99X"), Some("210.87.0.5")));
        assert!(!fits(66, Some("T46G"), Some("28.72.0.1")));
        assert!(fits(66, None, None));
    }
}
