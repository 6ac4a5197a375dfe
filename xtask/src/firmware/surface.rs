//! `firmware/surface`: an image that calls every public function of vq-core with inputs that the compiler knows nothing of, and that links only if
//! none of them can panic.

use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::boards::Board;
use crate::process::run;
use crate::project::Project;
use crate::setup::Toolchain;

/// What an image's panic handler calls, and nobody defines.
const PANIC: &str = "this_image_can_panic";

/// Links it for a board.
pub(crate) fn link(project: &Project, toolchain: &Toolchain, board: &Board) -> Result<()> {
    run(&mut command(project, toolchain, board))
        .with_context(|| format!("a public function can panic on {}, if the linker missed `{PANIC}` above", board.core))
}

/// Fails if the image links although it holds a panic.
pub(crate) fn refuse_a_panic(project: &Project, toolchain: &Toolchain, board: &Board) -> Result<()> {
    let mut command = command(project, toolchain, board);
    let output = command.args(["--features", "panics"]).output().context("cannot start cargo")?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(!output.status.success(), "an image with a panic links for {}", board.core);
    ensure!(said.contains(PANIC), "an image with a panic was refused for another reason:\n{said}");
    Ok(())
}

fn command(project: &Project, toolchain: &Toolchain, board: &Board) -> Command {
    let mut command = board.cargo(project, toolchain, "build");
    command.args(["--quiet", "--release", "--package", "firmware-surface"]);
    command
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};
    use std::fs;
    use std::path::{Path, PathBuf};

    use syn::visit::{self, Visit};
    use syn::{
        Attribute, Expr, ExprCall, GenericParam, Generics, ImplItem, Item, ItemFn, TraitItem, Type, TypeParamBound,
        Visibility,
    };

    use super::*;

    /// A public function: its file's module, its type or trait if it has one, its name.
    #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
    struct Function {
        module: String,
        owner: Option<String>,
        name: String,
    }

    impl Function {
        /// How a call may be spelled, from the shortest way on.
        fn spellings(&self) -> [String; 2] {
            let short = self.owner.iter().chain([&self.name]).cloned().collect::<Vec<_>>().join("::");
            [short.clone(), format!("{}::{short}", self.module)]
        }
    }

    /// The public functions of a file. `unreachable_pub` is denied, so what is `pub` can be reached.
    fn functions(module: &str, source: &str) -> Vec<Function> {
        let file = syn::parse_file(source).unwrap();
        let mut found = Vec::new();
        file.items.iter().for_each(|item| collect(module, item, &mut found));
        found
    }

    fn collect(module: &str, item: &Item, found: &mut Vec<Function>) {
        let function = |owner: Option<&String>, name: &syn::Ident| Function {
            module: module.into(),
            owner: owner.cloned(),
            name: name.to_string(),
        };
        match item {
            Item::Fn(item) if is_public(&item.vis) && !is_test(&item.attrs) => {
                found.push(function(None, &item.sig.ident));
            }
            Item::Impl(block) if block.trait_.is_none() && !is_test(&block.attrs) => {
                let owner = type_name(&block.self_ty);
                for item in &block.items {
                    if let ImplItem::Fn(item) = item
                        && is_public(&item.vis)
                        && !is_test(&item.attrs)
                    {
                        found.push(function(owner.as_ref(), &item.sig.ident));
                    }
                }
            }
            Item::Trait(item) if is_public(&item.vis) => {
                let owner = item.ident.to_string();
                for item in &item.items {
                    if let TraitItem::Fn(item) = item {
                        found.push(function(Some(&owner), &item.sig.ident));
                    }
                }
            }
            Item::Mod(inner) if !is_test(&inner.attrs) => {
                let module = inner.ident.to_string();
                for item in inner.content.iter().flat_map(|(_, items)| items) {
                    collect(&module, item, found);
                }
            }
            _ => {}
        }
    }

    fn is_public(visibility: &Visibility) -> bool {
        matches!(visibility, Visibility::Public(_))
    }

    /// Whether an item is there in tests only.
    fn is_test(attributes: &[Attribute]) -> bool {
        attributes.iter().any(|attribute| {
            attribute.path().is_ident("cfg") && attribute.parse_args::<syn::Ident>().is_ok_and(|word| word == "test")
        })
    }

    fn type_name(of: &Type) -> Option<String> {
        let Type::Path(path) = of else { return None };
        path.path.segments.last().map(|segment| segment.ident.to_string())
    }

    /// The calls of some sources, as they are spelled: every ending of their paths, a type parameter read as its bound.
    #[derive(Default)]
    struct Calls {
        bounds: BTreeMap<String, String>,
        spelled: BTreeSet<String>,
    }

    impl Calls {
        fn add(&mut self, source: &str) {
            self.visit_file(&syn::parse_file(source).unwrap());
        }
    }

    fn bounds(generics: &Generics) -> impl Iterator<Item = (String, String)> {
        generics.params.iter().filter_map(|parameter| {
            let GenericParam::Type(parameter) = parameter else { return None };
            let bound = parameter.bounds.iter().find_map(|bound| match bound {
                TypeParamBound::Trait(bound) => bound.path.segments.last(),
                _ => None,
            })?;
            Some((parameter.ident.to_string(), bound.ident.to_string()))
        })
    }

    impl<'ast> Visit<'ast> for Calls {
        fn visit_item_fn(&mut self, item: &'ast ItemFn) {
            self.bounds = bounds(&item.sig.generics).collect();
            visit::visit_item_fn(self, item);
        }

        fn visit_expr_call(&mut self, call: &'ast ExprCall) {
            if let Expr::Path(called) = call.func.as_ref() {
                let owner = called.qself.as_ref().and_then(|owner| type_name(&owner.ty));
                let segments = called.path.segments.iter().map(|segment| segment.ident.to_string());
                let names: Vec<String> = owner.into_iter().chain(segments).collect();
                let names: Vec<&str> =
                    names.iter().map(|name| self.bounds.get(name).unwrap_or(name).as_str()).collect();
                self.spelled.extend((0..names.len()).map(|start| names[start..].join("::")));
            }
            visit::visit_expr_call(self, call);
        }
    }

    /// Those that no call names. Functions that are spelled alike need their module's name in front.
    fn missing(functions: &[Function], calls: &Calls) -> Vec<String> {
        let alike = |function: &Function| {
            functions.iter().filter(|other| other.spellings()[0] == function.spellings()[0]).count() > 1
        };
        let missing = functions.iter().filter(|function| {
            let [short, long] = function.spellings();
            !calls.spelled.contains(&long) && (alike(function) || !calls.spelled.contains(&short))
        });
        missing.map(|function| function.spellings()[1].clone()).collect()
    }

    /// Every source of a folder, with its module's name.
    fn sources(folder: &Path) -> Vec<(String, String)> {
        let mut files: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.sort();
        let name = |path: &Path| path.file_stem().unwrap().to_string_lossy().into_owned();
        let source = |path: &PathBuf| {
            if path.is_dir() {
                return sources(path);
            }
            let module = if name(path) == "mod" { name(folder) } else { name(path) };
            vec![(module, fs::read_to_string(path).unwrap())]
        };
        files.iter().flat_map(source).collect()
    }

    #[test]
    fn every_public_function_is_called() {
        let root = Project::new().root;
        let functions: Vec<Function> =
            sources(&root.join("vq-core/src")).iter().flat_map(|(module, source)| functions(module, source)).collect();
        assert!(functions.len() > 150, "only {} functions", functions.len());
        let mut calls = Calls::default();
        sources(&root.join("firmware/surface/src")).iter().for_each(|(_, source)| calls.add(source));
        let missing = missing(&functions, &calls);
        assert!(missing.is_empty(), "firmware/surface does not call\n  {}", missing.join("\n  "));
    }

    #[test]
    fn what_is_not_called_is_named() {
        let library = "pub struct A; impl A { pub fn one() {} pub const fn two(&self) {} pub(crate) fn own() {} fn not() {} }
                       pub fn three() {} #[cfg(test)] pub fn test() {} pub trait T { fn four(); } impl T for A { fn four() {} }
                       #[cfg(test)] mod tests { pub fn five() {} }";
        let found = functions("m", library);
        assert_eq!(found.len(), 4);
        let missing_with = |program: &str| {
            let mut calls = Calls::default();
            calls.add(program);
            missing(&found, &calls)
        };
        assert_eq!(missing_with("fn f<K: T>() { A::one(); keep(A::two(&a)); m::three(); K::four(); }"), [""; 0]);
        assert_eq!(missing_with("fn f() { a.one(); <A>::two(&a); three(); B::four(); }"), ["m::A::one", "m::T::four"]);
    }

    #[test]
    fn functions_that_are_spelled_alike_are_called_by_their_modules() {
        let both: Vec<Function> = ["m", "n"].iter().flat_map(|module| functions(module, "pub fn one() {}")).collect();
        let mut calls = Calls::default();
        calls.add("fn f() { one(); m::one(); }");
        assert_eq!(missing(&both, &calls), ["n::one"]);
    }
}
